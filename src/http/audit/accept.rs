//! Which of the forms that a read offers its caller wants: the header `Accept` (RFC 9110 §12.5.1), q-values honoured.

use http::{HeaderMap, HeaderValue, header};

use super::super::{Problem, ProblemKind, body::JSON, lines::NDJSON};

/// CSV (RFC 4180), always UTF-8.
pub(super) const CSV: &str = "text/csv; charset=utf-8";

/// A form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Ndjson,
    Csv,
}

impl Form {
    /// Its media type.
    pub(super) fn media(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Ndjson => NDJSON,
            Self::Csv => CSV,
        }
    }

    fn essence(self) -> &'static str {
        self.media().split(';').next().unwrap_or_default()
    }
}

/// The form among `offered` that the caller likes best; the earlier one where they like two as much.
pub(super) fn choose(headers: &HeaderMap, offered: &[Form]) -> Result<Form, Problem> {
    let given: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().flat_map(HeaderValue::to_str).collect();
    let given = given.join(",");
    let ranges: Vec<Range<'_>> = given.split(',').filter_map(Range::read).collect();
    let liked = |form: &Form| if ranges.is_empty() { 1000 } else { quality(*form, &ranges) };
    let mut best: Option<(Form, u16)> = None;
    for form in offered {
        let quality = liked(form);
        if quality > 0 && best.is_none_or(|(_, known)| quality > known) {
            best = Some((*form, quality));
        }
    }
    best.map(|(form, _)| form).ok_or_else(|| {
        let available: Vec<&str> = offered.iter().map(|form| form.essence()).collect();
        let detail = format!("Leave `Accept` out, or accept one of {}.", available.join(", "));
        Problem::new(ProblemKind::NotAcceptable, detail).with("available", available)
    })
}

/// What the most exact range that speaks of a form says of it, in thousandths.
fn quality(form: Form, ranges: &[Range<'_>]) -> u16 {
    let (kind, part) = form.essence().split_once('/').unwrap_or_default();
    let speaks = |range: &&Range<'_>| match (range.kind, range.part) {
        ("*", "*") => true,
        (of, "*") => of.eq_ignore_ascii_case(kind),
        (of, one) => of.eq_ignore_ascii_case(kind) && one.eq_ignore_ascii_case(part),
    };
    let exact = |range: &&Range<'_>| u8::from(range.kind != "*") + u8::from(range.part != "*");
    ranges.iter().filter(speaks).max_by_key(exact).map_or(0, |range| range.quality)
}

/// One entry of `Accept`.
struct Range<'a> {
    kind: &'a str,
    part: &'a str,
    quality: u16,
}

impl<'a> Range<'a> {
    /// Reads one; what is none is left out, as if it were not there.
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, part) = parts.next()?.split_once('/')?;
        let weight = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
        });
        let quality = weight.map_or(Some(1.0), |weight| weight.parse::<f32>().ok())?;
        let quality = if (0.0..=1.0).contains(&quality) { quality } else { return None };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number from 0 to 1 in thousandths"
        )]
        Some(Self { kind, part, quality: (quality * 1000.0).round() as u16 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Form; 3] = [Form::Json, Form::Ndjson, Form::Csv];

    fn chosen(accept: &[&'static str]) -> Option<Form> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        choose(&headers, &ALL).ok()
    }

    #[test]
    fn the_caller_gets_what_they_like_best() {
        for (accept, form) in [
            (&[][..], Some(Form::Json)),
            (&["*/*"], Some(Form::Json)),
            (&["text/csv"], Some(Form::Csv)),
            (&["TEXT/CSV; charset=utf-8"], Some(Form::Csv)),
            (&["text/*, application/json;q=0.9"], Some(Form::Csv)),
            (&["application/json;q=0.4, application/x-ndjson;q=0.8"], Some(Form::Ndjson)),
            (&["application/json;q=0.4", "application/x-ndjson; Q=0.8"], Some(Form::Ndjson)),
            (&["*/*;q=0.5, application/json;q=0"], Some(Form::Ndjson)),
            (&["application/*;q=0.2, application/json;q=0.1, text/csv;q=0"], Some(Form::Ndjson)),
            (&["image/png"], None),
            (&["*/*;q=0"], None),
            (&["nonsense"], Some(Form::Json)),
        ] {
            assert_eq!(chosen(accept), form, "{accept:?}");
        }
    }
}
