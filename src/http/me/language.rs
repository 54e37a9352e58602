//! In which language a person is answered: `?language=`, else the header `Accept-Language` (RFC 9110 §12.5.4).

use axum::extract::{Query, rejection::QueryRejection};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::{Problem, ProblemKind};
use crate::policy::Catalogue;

/// Which language is wanted.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Wanted {
    /// The language of texts, such as `ko`; else `Accept-Language`.
    language: Option<String>,
}

/// What an extractor gives of a query that can name a language and nothing else.
pub(in crate::http) type InLanguage = Result<Query<Wanted>, QueryRejection>;

/// The language that the query names.
pub(super) fn wanted(given: InLanguage) -> Result<Option<String>, Problem> {
    let Query(wanted) = given.map_err(|_| {
        let detail = "The only parameter is `language`, such as ?language=ko.";
        Problem::new(ProblemKind::InvalidParameter, detail).with("name", "language")
    })?;
    Ok(wanted.language)
}

/// The language of the texts that stand in no catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    En,
    Ko,
}

impl Tongue {
    /// English, unless the tag is of Korean.
    pub(super) fn of(tag: &str) -> Self {
        let is_korean = primary(tag).eq_ignore_ascii_case("ko");
        if is_korean { Self::Ko } else { Self::En }
    }

    /// The one of two texts that is in this language.
    pub(super) fn pick<T>(self, en: T, ko: T) -> T {
        match self {
            Self::En => en,
            Self::Ko => ko,
        }
    }
}

/// The language of the catalogue that the caller likes best; its first one where they like none of them.
pub(super) fn choose<'a>(
    catalogue: &'a Catalogue,
    parameter: Option<&str>,
    headers: &HeaderMap,
) -> &'a str {
    let languages = catalogue.languages();
    let known = |tag: &str| {
        let same = |language: &&String| primary(language).eq_ignore_ascii_case(primary(tag));
        languages.iter().find(same).map(String::as_str)
    };
    let first = languages.first().map_or("en", String::as_str);
    if let Some(tag) = parameter {
        return known(tag).unwrap_or(first);
    }
    let given = headers.get_all(header::ACCEPT_LANGUAGE).iter().flat_map(HeaderValue::to_str);
    let mut best: Option<(&str, f32)> = None;
    for range in given.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let Some(language) = parts.next().and_then(known) else { continue };
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let weight = weight.map_or(Some(1.0), |weight| weight.parse::<f32>().ok()).unwrap_or(0.0);
        if weight > 0.0 && best.is_none_or(|(_, known)| weight > known) {
            best = Some((language, weight));
        }
    }
    best.map_or(first, |(language, _)| language)
}

fn primary(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Bundle;

    #[test]
    fn the_parameter_counts_before_the_header_and_the_first_language_last() {
        let bundle = Bundle::shipped().unwrap();
        for (parameter, accept, language) in [
            (None, "", "en"),
            (None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
            (None, "fr, en;q=0.1, ko;q=0.2", "ko"),
            (None, "ko;q=0, en;q=0.1", "en"),
            (None, "ko;q=x", "en"),
            (Some("ko_KR"), "en", "ko"),
            (Some("fr"), "ko", "en"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accept));
            let chosen = choose(bundle.catalogue(), parameter, &headers);
            assert_eq!(chosen, language, "{parameter:?} {accept}");
        }
    }
}
