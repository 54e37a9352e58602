//! Reads answers of any shape: a list of objects, of bare ids, ids and scores apart, or an object of scores by id.

use std::cmp::Ordering;

use super::{AnswerSettings, Form, InvalidMap, slot::unescaped};
use crate::upstream::{
    answer::{Answer, Intake, Nonsense},
    scan::{Node, tree},
};

/// A JSON pointer, by its parts.
pub(in crate::upstream) type Pointer = Vec<Box<str>>;

/// Where things are in an answer.
#[derive(Clone, Debug)]
pub(in crate::upstream) struct Places {
    pub(in crate::upstream) form: Form,
    pub(in crate::upstream) list: Pointer,
    pub(in crate::upstream) id: Pointer,
    pub(in crate::upstream) score: Pointer,
    pub(in crate::upstream) categories: Pointer,
    pub(in crate::upstream) scores: Option<Pointer>,
}

/// Reads a pointer (RFC 6901); `name` says where it stands.
pub(super) fn pointer(text: &str, name: &'static str) -> Result<Pointer, InvalidMap> {
    match text.split_once('/') {
        None if text.is_empty() => Ok(Pointer::new()),
        Some(("", rest)) => Ok(rest.split('/').map(unescaped).collect()),
        _ => Err(InvalidMap::Pointer(name)),
    }
}

impl Places {
    pub(super) fn parse(settings: &AnswerSettings) -> Result<Self, InvalidMap> {
        let scores = settings.scores.as_deref();
        Ok(Self {
            form: settings.form,
            list: pointer(&settings.list, "[upstream.map.answer] list")?,
            id: pointer(&settings.id, "[upstream.map.answer] id")?,
            score: pointer(&settings.score, "[upstream.map.answer] score")?,
            categories: pointer(&settings.categories, "[upstream.map.answer] categories")?,
            scores: scores
                .map(|scores| pointer(scores, "[upstream.map.answer] scores"))
                .transpose()?,
        })
    }

    /// Reads an answer. `null` for the list is an empty one: some languages write it so.
    pub(in crate::upstream) fn read<'a>(&self, bytes: &'a [u8]) -> Result<Answer<'a>, Nonsense> {
        let root = tree(bytes).ok_or(Nonsense)?;
        match (root.at(&self.list).ok_or(Nonsense)?, self.form) {
            (Node::Null, _) => Ok(Answer::default()),
            (Node::List(entries), Form::List) => Ok(self.listed(&root, entries)),
            (Node::Map(members), Form::Object) => Ok(self.scored(members)),
            _ => Err(Nonsense),
        }
    }

    fn listed<'a>(&self, root: &Node<'a>, entries: &[Node<'a>]) -> Answer<'a> {
        let mut intake = Intake::new(entries.len());
        let apart = match self.scores.as_ref().and_then(|scores| root.at(scores)) {
            Some(Node::List(scores)) => scores.as_slice(),
            _ => &[],
        };
        for (place, entry) in entries.iter().enumerate() {
            let score = apart.get(place).or_else(|| entry.at(&self.score)).and_then(Node::number);
            if !intake.is_full() {
                self.tags(entry, &mut intake);
            }
            let id = entry.id().or_else(|| entry.at(&self.id).and_then(Node::id));
            intake.take(id, false, score);
        }
        intake.finish()
    }

    fn tags<'a>(&self, entry: &Node<'a>, intake: &mut Intake<'a>) {
        let categories = match entry {
            Node::Map(_) => entry.at(&self.categories),
            _ => None,
        };
        match categories {
            Some(Node::Text(tag)) => intake.tag(tag.clone(), false),
            Some(Node::List(tags)) => {
                for tag in tags {
                    if let Node::Text(tag) = tag {
                        intake.tag(tag.clone(), false);
                    }
                }
            }
            _ => {}
        }
    }

    /// An object has no order, so the scores make it. What has none comes last.
    fn scored<'a>(&self, members: &[(std::borrow::Cow<'a, str>, Node<'a>)]) -> Answer<'a> {
        let score = |node: &Node<'a>| {
            let number = node.number().or_else(|| node.at(&self.score).and_then(Node::number));
            number.filter(|score| score.is_finite())
        };
        let mut scored: Vec<_> = members.iter().map(|(id, node)| (id, score(node))).collect();
        scored.sort_by(|(_, a), (_, b)| b.partial_cmp(a).unwrap_or(Ordering::Equal));
        let mut intake = Intake::new(scored.len());
        for (id, score) in scored {
            intake.take(Some(id.clone()), false, score);
        }
        intake.finish()
    }
}
