//! Reads JSON of any shape into a tree that borrows from it, as laxly as the scanner reads its own shape.

use std::borrow::Cow;

use super::{DEEPEST, Scanner, decode};

/// A value. What nobody asks for (`true`, `false`, `NaN`) is [`Node::Other`].
#[derive(Clone, Debug, PartialEq)]
pub(in crate::upstream) enum Node<'a> {
    /// `null`.
    Null,
    /// `true`.
    True,
    /// Any other word.
    Other,
    /// A number as it stands, and what it is worth.
    Number(&'a str, f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Node<'a>>),
    /// An object, in the order written; a key may stand twice.
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Reads one whole value; `None` when it is cut off, nests too deeply or is no JSON.
pub(in crate::upstream) fn tree(bytes: &[u8]) -> Option<Node<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut scanner = Scanner { text, bytes, at: 0, plain: true };
    let node = scanner.node(DEEPEST)?;
    scanner.space();
    (scanner.at == bytes.len()).then_some(node)
}

impl<'a> Scanner<'a> {
    fn node(&mut self, depth: usize) -> Option<Node<'a>> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                let raw = self.string()?;
                Some(self.text(raw).map_or(Node::Other, Node::Text))
            }
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                let worth = self.number()?;
                Some(Node::Number(self.text.get(start..self.at)?, worth))
            }
            b'{' => self.map(depth.checked_sub(1)?),
            b'[' => self.nodes(depth.checked_sub(1)?),
            b't' => self.value(depth).map(|()| Node::True),
            b'n' => self.value(depth).map(|()| Node::Null),
            _ => self.value(depth).map(|()| Node::Other),
        }
    }

    fn nodes(&mut self, depth: usize) -> Option<Node<'a>> {
        let mut nodes = Vec::new();
        self.at += 1;
        let mut more = !self.skip(b']');
        while more {
            nodes.push(self.node(depth)?);
            more = self.more(b']')?;
        }
        Some(Node::List(nodes))
    }

    fn map(&mut self, depth: usize) -> Option<Node<'a>> {
        let mut members = Vec::new();
        self.at += 1;
        let mut more = !self.skip(b'}');
        while more {
            let raw = self.key()?;
            // A key that is no text names nothing.
            let key = if raw.contains('\\') { decode(raw).unwrap_or_default() } else { raw.into() };
            members.push((key, self.node(depth)?));
            more = self.more(b'}')?;
        }
        Some(Node::Map(members))
    }
}

impl<'a> Node<'a> {
    /// What stands at a JSON pointer (RFC 6901), given as its parts; of a key that stands twice, the first.
    pub(in crate::upstream) fn at(&self, pointer: &[Box<str>]) -> Option<&Self> {
        pointer.iter().try_fold(self, |node, part| match node {
            Self::Map(members) => {
                members.iter().find(|(key, _)| **key == **part).map(|(_, node)| node)
            }
            Self::List(nodes) => nodes.get(part.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Its worth as a number.
    pub(in crate::upstream) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(_, worth) => Some(*worth),
            _ => None,
        }
    }

    /// Its words as an id: a text, or a whole number as it stands.
    pub(in crate::upstream) fn id(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(raw, _) if raw.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Cow::Borrowed(raw))
            }
            _ => None,
        }
    }
}
