//! From candidates to a list: what the person does not want goes, the rest is ranked, and gaps are filled.

use rustc_hash::FxHashSet;

use super::{Asked, Effect, Gateway, Proposed, Ranked, Source};
use crate::{
    catalog::{Origin, View},
    consent::Rules,
    diversity::{self, Candidates, Dial, Profile, Reranked, measure, rerank},
    domain::{ItemId, Tag},
    upstream::Answer,
};

/// Where candidates come from.
pub(super) enum Pool<'a> {
    /// A model's answer.
    Model(Answer<'a>),
    /// The app's own candidates.
    App(&'a [Proposed]),
    /// There are none: the list is filled from what is popular.
    Nothing,
}

/// What a list is made with.
pub(super) struct Wishes<'a> {
    pub(super) asked: &'a Asked,
    /// The rules of the person, or those of nobody.
    pub(super) rules: &'a Rules,
    /// The person's tastes, where they may be used.
    pub(super) profile: &'a Profile,
}

/// One candidate that is left after muting.
struct Row<'a> {
    id: &'a str,
    score: Option<f64>,
    tags: Tags<'a>,
}

/// The words that describe a candidate: the catalogue's own, else what came with it.
enum Tags<'a> {
    Kept(&'a [Tag]),
    Came(&'a [std::borrow::Cow<'a, str>]),
}

impl Tags<'_> {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let (kept, came): (&[Tag], &[std::borrow::Cow<'_, str>]) = match self {
            Self::Kept(tags) => (tags, &[]),
            Self::Came(tags) => (&[], tags),
        };
        kept.iter().map(Tag::as_str).chain(came.iter().map(AsRef::as_ref))
    }

    fn to_vec(&self) -> Vec<Tag> {
        match self {
            Self::Kept(tags) => tags.to_vec(),
            Self::Came(tags) => tags.iter().filter_map(|tag| Tag::parse(tag).ok()).collect(),
        }
    }
}

impl Gateway {
    /// The list, and what re-ranking did to it. It is full whenever the catalogue has enough items.
    pub(super) fn list(
        &self,
        pool: &Pool<'_>,
        wishes: &Wishes<'_>,
    ) -> (Vec<Ranked>, Option<Effect>) {
        let view = self.catalog.view();
        let unwanted = Unwanted::of(wishes);
        let rows = rows(pool, &view, &unwanted);
        let (mut items, effect) = if rows.is_empty() {
            (Vec::new(), None)
        } else {
            let dial = wishes.rules.dial.and_then(|dial| Dial::parse(dial).ok());
            let dial = dial.or(wishes.asked.dial).unwrap_or(self.settings.dial);
            ranked(&rows, wishes.profile, dial, wishes.asked.count)
        };
        if items.len() < wishes.asked.count {
            self.fill(&mut items, &view, &unwanted, wishes.asked.count);
        }
        (items, effect)
    }

    fn fill(
        &self,
        items: &mut Vec<Ranked>,
        view: &View<'_>,
        unwanted: &Unwanted<'_>,
        count: usize,
    ) {
        let mut known: FxHashSet<ItemId> = items.iter().map(|item| item.id.clone()).collect();
        for (id, origin) in self.catalog.fallback() {
            if items.len() >= count {
                return;
            }
            let tags = view.item(id.as_str()).map_or(&[] as &[Tag], |item| &item.tags);
            if unwanted.item(id.as_str()) || unwanted.tags(tags.iter().map(Tag::as_str)) {
                continue;
            }
            if known.insert(id.clone()) {
                let source = match origin {
                    Origin::Popular => Source::Popular,
                    Origin::Catalogue => Source::Catalogue,
                };
                items.push(Ranked { id, score: None, source, tags: tags.to_vec() });
            }
        }
    }
}

/// What must not be in the list.
struct Unwanted<'a> {
    items: FxHashSet<&'a str>,
    tags: FxHashSet<&'a str>,
}

impl<'a> Unwanted<'a> {
    fn of(wishes: &Wishes<'a>) -> Self {
        let items = wishes.asked.exclude.iter().chain(&wishes.rules.muted_items);
        Self {
            items: items.map(ItemId::as_str).collect(),
            tags: wishes.rules.muted_tags.iter().map(Tag::as_str).collect(),
        }
    }

    fn item(&self, id: &str) -> bool {
        !self.items.is_empty() && self.items.contains(id)
    }

    fn tags<'t>(&self, mut tags: impl Iterator<Item = &'t str>) -> bool {
        !self.tags.is_empty() && tags.any(|tag| self.tags.contains(tag))
    }
}

/// The candidates that are left: wanted, and known to the catalogue where there is one. A model that names items
/// which the operator does not have is not believed.
fn rows<'a>(pool: &'a Pool<'a>, view: &'a View<'_>, unwanted: &Unwanted<'_>) -> Vec<Row<'a>> {
    let wanted = |row: &Row<'_>| !unwanted.item(row.id) && !unwanted.tags(row.tags.iter());
    match pool {
        Pool::Model(answer) => {
            let anything_goes = view.is_empty();
            let rows = answer.items.iter().filter_map(|candidate| {
                let tags = match view.item(&candidate.id) {
                    Some(item) if !item.tags.is_empty() => Tags::Kept(&item.tags),
                    Some(_) => Tags::Came(answer.tags(candidate)),
                    None if anything_goes => Tags::Came(answer.tags(candidate)),
                    None => return None,
                };
                Some(Row { id: &candidate.id, score: candidate.score, tags })
            });
            rows.filter(wanted).collect()
        }
        Pool::App(proposed) => {
            let rows = proposed.iter().map(|candidate| {
                let tags = match view.item(candidate.id.as_str()) {
                    Some(item) if !item.tags.is_empty() => &item.tags,
                    _ => &candidate.tags,
                };
                Row { id: candidate.id.as_str(), score: candidate.score, tags: Tags::Kept(tags) }
            });
            rows.filter(wanted).collect()
        }
        Pool::Nothing => Vec::new(),
    }
}

fn ranked(
    rows: &[Row<'_>],
    profile: &Profile,
    dial: Dial,
    count: usize,
) -> (Vec<Ranked>, Option<Effect>) {
    let mut builder = Candidates::builder();
    for row in rows {
        builder.push(row.score, row.tags.iter());
    }
    let candidates = builder.build();
    let reranked = rerank(&candidates, profile, dial, count);
    let effect = effect(&candidates, profile, dial, &reranked);
    let chosen = reranked.order.iter().zip(&reranked.sources).filter_map(|(at, source)| {
        let row = rows.get(*at)?;
        let source = match source {
            diversity::Source::Model => Source::Model,
            diversity::Source::Diversity => Source::Diversity,
            diversity::Source::Bridge => Source::Bridge,
        };
        Some(Ranked {
            id: ItemId::parse(row.id).ok()?,
            score: row.score,
            source,
            tags: row.tags.to_vec(),
        })
    });
    (chosen.collect(), Some(effect))
}

fn effect(candidates: &Candidates, profile: &Profile, dial: Dial, reranked: &Reranked) -> Effect {
    let own: Vec<usize> = (0..reranked.order.len()).collect();
    let before = measure(candidates, profile, &own);
    let after = match reranked.moved {
        0 => before,
        _ => measure(candidates, profile, &reranked.order),
    };
    Effect {
        strength: dial.strength(),
        ild: (before.ild, after.ild),
        calibration: before.calibration.zip(after.calibration),
        moved: reranked.moved,
    }
}
