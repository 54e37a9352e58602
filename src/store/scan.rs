//! Goes through the records under a prefix, a page at a time.

use super::{
    batch::{Key, Record},
    error::StoreError,
    state::State,
};

/// Records a scan reads at once.
const PAGE: usize = 256;

/// The records of a [`Store::scan`](super::Store::scan). Ends at the first error.
#[derive(Debug)]
pub struct Scan<'a> {
    state: &'a State,
    prefix: Box<[u8]>,
    page: std::vec::IntoIter<(Key, Record)>,
    last: Option<Key>,
    ended: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(state: &'a State, prefix: &[u8]) -> Self {
        Self {
            state,
            prefix: prefix.into(),
            page: Vec::new().into_iter(),
            last: None,
            ended: false,
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<(Key, Record), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((key, record)) = self.page.next() {
            self.last = Some(key.clone());
            return Some(Ok((key, record)));
        }
        if self.ended {
            return None;
        }
        match self.state.view().page(&self.prefix, self.last.as_ref().map(Key::as_bytes), PAGE) {
            Ok(page) => {
                self.ended = page.len() < PAGE;
                self.page = page.into_iter();
                self.page.next().map(|(key, record)| {
                    self.last = Some(key.clone());
                    Ok((key, record))
                })
            }
            Err(error) => {
                self.ended = true;
                Some(Err(self.state.view_error(error)))
            }
        }
    }
}
