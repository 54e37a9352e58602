//! From candidates to a list: what the person does not want goes, the rest is ranked, and gaps are filled.

use std::cell::Cell;

use rustc_hash::FxHashSet;

use super::{Asked, Effect, Gateway, Proposed, Ranked, Source};
use crate::{
    catalog::{Origin, View},
    consent::Rules,
    diversity::{self, Candidates, Dial, Lifted, Profile, Reranked, lift, measure, rerank},
    domain::{ItemId, Tag},
    upstream::Answer,
};

/// Where candidates come from.
pub(super) enum Pool<'a> {
    /// A model's answer, and the pseudonym that it was told.
    Model(Answer<'a>, Option<&'a str>),
    /// The app's own candidates. Of those with the same id the first counts.
    App(&'a [Proposed]),
    /// There are none: the list is filled from what is popular.
    Nothing,
}

/// What a list is made with.
pub(super) struct Wishes<'a> {
    pub(super) asked: &'a Asked,
    /// The rules of the person, or those of nobody.
    pub(super) rules: &'a Rules,
    /// Tags that are brought up, where the list may be personal.
    pub(super) boosts: &'a [Tag],
    /// The person's tastes, where they may be used.
    pub(super) profile: &'a Profile,
}

/// A list, and what became of the candidates.
pub(super) struct Listed {
    pub(super) items: Vec<Ranked>,
    pub(super) effect: Option<Effect>,
    /// How many candidates the person had muted.
    pub(super) muted: usize,
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
    pub(super) fn list(&self, pool: &Pool<'_>, wishes: &Wishes<'_>) -> Listed {
        let view = self.catalog.view();
        let unwanted = Unwanted::of(wishes);
        let rows = rows(pool, &view, &unwanted);
        let (mut items, effect) = if rows.is_empty() {
            (Vec::new(), None)
        } else {
            let dial = wishes.rules.dial.and_then(|dial| Dial::parse(dial).ok());
            let dial = dial.or(wishes.asked.dial).unwrap_or(self.settings.dial);
            ranked(&rows, wishes, dial)
        };
        if items.len() < wishes.asked.count {
            self.fill(&mut items, &view, &unwanted, wishes.asked.count);
        }
        self.hold_back(&mut items, wishes.rules, &view);
        Listed { items, effect, muted: unwanted.muted.get() }
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
    rules: &'a Rules,
    /// How many candidates the person had muted.
    muted: Cell<usize>,
}

impl<'a> Unwanted<'a> {
    fn of(wishes: &Wishes<'a>) -> Self {
        let items = wishes.asked.exclude.iter().chain(&wishes.rules.muted_items);
        Self {
            items: items.map(ItemId::as_str).collect(),
            tags: wishes.rules.muted_tags.iter().map(Tag::as_str).collect(),
            rules: wishes.rules,
            muted: Cell::new(0),
        }
    }

    /// Whether a candidate is wanted; one that the person has muted is counted.
    fn wants(&self, row: &Row<'_>) -> bool {
        let (item, tags) = (self.item(row.id), self.tags(row.tags.iter()));
        if tags || (item && self.rules.muted_items.iter().any(|muted| muted.as_str() == row.id)) {
            self.muted.update(|count| count + 1);
        }
        !item && !tags
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
    let wanted = |row: &Row<'_>| unwanted.wants(row);
    match pool {
        Pool::Model(answer, user) => {
            let anything_goes = view.is_empty();
            // A pseudonym is between the gateway and its recipient: no app learns it from a model that repeats it.
            let tells = |text: &str| user.is_some_and(|user| text.contains(user));
            let came = |candidate| match answer.tags(candidate) {
                tags if tags.iter().any(|tag| tells(tag)) => Tags::Came(&[]),
                tags => Tags::Came(tags),
            };
            let rows = answer.items.iter().filter_map(|candidate| {
                let tags = match view.item(&candidate.id) {
                    Some(item) if !item.tags.is_empty() => Tags::Kept(&item.tags),
                    Some(_) => came(candidate),
                    None if anything_goes && !tells(&candidate.id) => came(candidate),
                    None => return None,
                };
                Some(Row { id: &candidate.id, score: candidate.score, tags })
            });
            rows.filter(wanted).collect()
        }
        Pool::App(proposed) => {
            let mut known = FxHashSet::default();
            let once = proposed.iter().filter(|candidate| known.insert(candidate.id.as_str()));
            let rows = once.map(|candidate| {
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

fn ranked(rows: &[Row<'_>], wishes: &Wishes<'_>, dial: Dial) -> (Vec<Ranked>, Option<Effect>) {
    let (profile, count) = (wishes.profile, wishes.asked.count);
    let lifted = lifted(rows, wishes);
    let mut builder = Candidates::builder();
    match &lifted {
        None => rows.iter().for_each(|row| builder.push(row.score, row.tags.iter())),
        Some(Lifted { order, scores }) => {
            for (row, score) in order.iter().zip(scores) {
                if let Some(row) = rows.get(*row) {
                    builder.push(*score, row.tags.iter());
                }
            }
        }
    }
    let candidates = builder.build();
    let reranked = rerank(&candidates, profile, dial, count);
    let at = Places { rows, lifted: lifted.as_ref(), wishes, own: reranked.order.len() };
    let effect = effect(&candidates, dial, &reranked, &at);
    let chosen = reranked.order.iter().zip(&reranked.sources).filter_map(|(place, source)| {
        let row = rows.get(at.in_the_models_order(*place))?;
        Some(Ranked {
            id: ItemId::parse(row.id).ok()?,
            score: row.score,
            source: at.source(*place, *source),
            tags: row.tags.to_vec(),
        })
    });
    (chosen.collect(), Some(effect))
}

/// What the person's boosts make of the model's order; `None` without any.
fn lifted(rows: &[Row<'_>], wishes: &Wishes<'_>) -> Option<Lifted> {
    if wishes.boosts.is_empty() {
        return None;
    }
    let boosted: Vec<_> = rows.iter().map(|row| (row.score, row.is_boosted(wishes))).collect();
    lift(&boosted, wishes.asked.count)
}

impl Row<'_> {
    fn is_boosted(&self, wishes: &Wishes<'_>) -> bool {
        self.tags.iter().any(|tag| wishes.boosts.iter().any(|boost| boost.as_str() == tag))
    }
}

/// The rows as they were ranked, and where they stood before.
struct Places<'a> {
    rows: &'a [Row<'a>],
    lifted: Option<&'a Lifted>,
    wishes: &'a Wishes<'a>,
    /// How many rows the model's own list has.
    own: usize,
}

impl Places<'_> {
    fn in_the_models_order(&self, place: usize) -> usize {
        self.lifted.map_or(place, |lifted| lifted.order.get(place).copied().unwrap_or(place))
    }

    fn source(&self, place: usize, source: diversity::Source) -> Source {
        let own = self.in_the_models_order(place);
        let is_boosted = || self.rows.get(own).is_some_and(|row| row.is_boosted(self.wishes));
        match source {
            _ if self.lifted.is_some() && own < self.own => Source::Model,
            _ if self.lifted.is_some() && is_boosted() => Source::Boosted,
            diversity::Source::Model => Source::Model,
            diversity::Source::Diversity => Source::Diversity,
            diversity::Source::Bridge => Source::Bridge,
        }
    }

    /// The model's own list, by the places that its rows have now.
    fn own_list(&self) -> Vec<usize> {
        match self.lifted {
            None => (0..self.own).collect(),
            Some(Lifted { order, .. }) => {
                let mut own: Vec<_> =
                    order.iter().zip(0..).filter(|(row, _)| **row < self.own).collect();
                own.sort_unstable();
                own.into_iter().map(|(_, place)| place).collect()
            }
        }
    }
}

fn effect(candidates: &Candidates, dial: Dial, reranked: &Reranked, at: &Places<'_>) -> Effect {
    let profile = at.wishes.profile;
    let before = measure(candidates, profile, &at.own_list());
    let moved = match at.lifted {
        None => reranked.moved,
        Some(_) => {
            let own = |place: &&usize| at.in_the_models_order(**place) >= at.own;
            reranked.order.iter().filter(own).count()
        }
    };
    let after = match moved {
        0 => before,
        _ => measure(candidates, profile, &reranked.order),
    };
    Effect {
        strength: dial.strength(),
        ild: (before.ild, after.ild),
        calibration: before.calibration.zip(after.calibration),
        moved,
    }
}
