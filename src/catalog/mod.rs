//! What we know of items: their tags and order, and which are popular.
//!
//! Promises: there is always something to answer with, as long as the operator has given items; the popular list
//! tells of no one, since an item stands in it only when at least [`LEAST_PEOPLE`] distinct people with a live consent
//! met it within [`WINDOW`].
//!
//! Nothing here is about a person: who met what is gathered in `gateway::popularity` and arrives as counts.

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use arc_swap::ArcSwap;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{ItemId, LEAST_PEOPLE, Tag},
    store::{Batch, CommitError, Expect, Key, Put, Store, StoreError},
};

/// How far back a meeting counts.
pub const WINDOW: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many items are kept as one.
pub const AT_ONCE: usize = 500;

/// The most tags of an item.
pub const MOST_TAGS: usize = 64;

/// The most attributes of an item.
pub const MOST_ATTRIBUTES: usize = 32;

/// The longest name and the longest value of an attribute, in bytes.
pub const LONGEST_ATTRIBUTE: (usize, usize) = (64, 1024);

/// What the attributes of an item must be.
pub const ATTRIBUTES: &str = "at most 32 strings with names of 1 to 64 bytes and values of at most 1024 bytes, without control characters";

/// The most items the popular list holds.
const POPULAR_LENGTH: usize = 1_000;

const SCHEMA: u8 = 1;

/// What can go wrong with the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The store failed.
    #[error("reading the catalogue")]
    Store(#[from] StoreError),
    /// The journal did not take the items.
    #[error("keeping items")]
    Commit(#[from] CommitError),
    /// A kept item does not decode.
    #[error("decoding a kept item")]
    Decoding(#[source] postcard::Error),
    /// A kept item was written by a newer program.
    #[error("a kept item has a form that this version does not know")]
    Newer,
}

/// A thing that can be recommended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The app's id for it.
    pub id: ItemId,
    /// What describes it; at most 64.
    pub tags: Vec<Tag>,
    /// What else the app wants kept with it, as it gave it.
    pub attributes: Vec<(String, String)>,
}

impl Item {
    /// Whether the attributes are [`ATTRIBUTES`].
    #[must_use]
    pub fn is_describable(&self) -> bool {
        let (name, value) = LONGEST_ATTRIBUTE;
        let fits = |(n, v): &(String, String)| {
            (1..=name).contains(&n.len())
                && v.len() <= value
                && !n.chars().chain(v.chars()).any(char::is_control)
        };
        self.attributes.len() <= MOST_ATTRIBUTES && self.attributes.iter().all(fits)
    }
}

#[derive(Debug)]
struct Kept {
    item: Arc<Item>,
    order: u64,
    version: u64,
}

/// The items, in the operator's order, and the popular list.
#[derive(Clone, Debug)]
pub struct Catalog {
    store: Store,
    items: Arc<RwLock<FxHashMap<ItemId, Kept>>>,
    ordered: Arc<ArcSwap<Vec<ItemId>>>,
    popular: Arc<ArcSwap<Popular>>,
    /// Held while items are taken in: the place of the next new one.
    writing: Arc<tokio::sync::Mutex<u64>>,
}

impl Catalog {
    /// Reads the kept items.
    ///
    /// # Errors
    /// When the store fails or an item does not decode.
    pub fn open(store: Store) -> Result<Self, CatalogError> {
        let mut items = FxHashMap::default();
        for found in store.scan(b"i/") {
            let (_, record) = found?;
            let (order, item): (u64, Item) = decode(&record.value)?;
            let kept = Kept { item: Arc::new(item), order, version: record.version };
            items.insert(kept.item.id.clone(), kept);
        }
        let popular = match store.read(&popular_key())? {
            Some(record) => decode(&record.value)?,
            None => Vec::new(),
        };
        let mut ordered: Vec<(u64, ItemId)> =
            items.values().map(|kept: &Kept| (kept.order, kept.item.id.clone())).collect();
        ordered.sort_unstable();
        let next = ordered.last().map_or(0, |(order, _)| order + 1);
        let ordered: Vec<ItemId> = ordered.into_iter().map(|(_, id)| id).collect();
        Ok(Self {
            store,
            items: Arc::new(RwLock::new(items)),
            ordered: Arc::new(ArcSwap::from_pointee(ordered)),
            popular: Arc::new(ArcSwap::from_pointee(Popular::of(popular))),
            writing: Arc::new(tokio::sync::Mutex::new(next)),
        })
    }

    /// Takes in items; one that is known keeps its place and gets the new tags.
    ///
    /// # Errors
    /// When the journal does not take them; then none of a batch of [`AT_ONCE`] is taken.
    pub async fn put(&self, items: Vec<Item>) -> Result<(), CatalogError> {
        for some in items.chunks(AT_ONCE) {
            self.put_with(some, Batch::default()).await?;
        }
        Ok(())
    }

    /// Takes in items, [`AT_ONCE`] at most, and `beside` with them, or neither.
    ///
    /// # Errors
    /// When the journal does not take them, or something that `beside` expects does not hold.
    pub async fn put_with(&self, items: &[Item], beside: Batch) -> Result<(), CatalogError> {
        let mut next = self.writing.lock().await;
        let mut after = *next;
        let (mut batch, mut kept, mut new) = (beside, FxHashMap::default(), Vec::new());
        for item in items {
            let known = self.read().get(&item.id).map(|known| (known.order, known.version));
            let (order, version) = known.unwrap_or((after, 0));
            let fresh = Kept { item: Arc::new(item.clone()), order, version: version + 1 };
            match (kept.insert(item.id.clone(), fresh), known) {
                (None, None) => {
                    new.push(item.id.clone());
                    after += 1;
                }
                // Named twice in one batch: it keeps the place that it got first.
                (Some(Kept { order, .. }), _) => {
                    if let Some(again) = kept.get_mut(&item.id) {
                        again.order = order;
                    }
                }
                (None, Some(_)) => {}
            }
        }
        for kept in kept.values() {
            let (key, version) = (item_key(&kept.item.id), kept.version);
            batch.expect.push(Expect::Version { key: key.clone(), version: version - 1 });
            batch.put.push(Put { key, version, value: encode(&(kept.order, &*kept.item))? });
        }
        self.store.commit(batch).await?;
        self.items.write().unwrap_or_else(PoisonError::into_inner).extend(kept);
        *next = after;
        if !new.is_empty() {
            let known = self.ordered.load_full();
            self.ordered.store(Arc::new(known.iter().cloned().chain(new).collect()));
        }
        Ok(())
    }

    /// The items, for many look-ups under one lock. Not to be held across an await.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View(self.read())
    }

    /// All items, in the operator's order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Item>> {
        let (ordered, items) = (self.ordered.load_full(), self.read());
        ordered
            .iter()
            .filter_map(|id| items.get(id.as_str()))
            .map(|kept| kept.item.clone())
            .collect()
    }

    /// What to answer with when there is no model's answer: the popular items, then the others in the operator's
    /// order.
    pub fn fallback(&self) -> impl Iterator<Item = (ItemId, Origin)> + use<> {
        let (popular, ordered) = (self.popular.load_full(), self.ordered.load_full());
        let shown = popular.clone();
        let first =
            (0..).map_while(move |i| shown.list.get(i).map(|id| (id.clone(), Origin::Popular)));
        let rest = (0..).map_while(move |i| ordered.get(i).cloned());
        first.chain(
            rest.filter(move |id| !popular.set.contains(id.as_str()))
                .map(|id| (id, Origin::Catalogue)),
        )
    }

    /// Replaces the popular list by what `people_by_item` shows: how many distinct people met each item. Items that
    /// fewer than [`LEAST_PEOPLE`] met are left out.
    ///
    /// # Errors
    /// When the journal does not take the list.
    pub async fn replace_popular(
        &self,
        people_by_item: FxHashMap<ItemId, usize>,
    ) -> Result<(), CatalogError> {
        let mut counted: Vec<(ItemId, usize)> =
            people_by_item.into_iter().filter(|(_, people)| *people >= LEAST_PEOPLE).collect();
        counted.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        counted.truncate(POPULAR_LENGTH);
        let list: Vec<ItemId> = counted.into_iter().map(|(id, _)| id).collect();
        let version = self.store.read(&popular_key())?.map_or(0, |record| record.version);
        let put = Put { key: popular_key(), version: version + 1, value: encode(&list)? };
        let expect = Expect::Version { key: popular_key(), version };
        self.store
            .commit(Batch { expect: vec![expect], put: vec![put], ..Batch::default() })
            .await?;
        self.popular.store(Arc::new(Popular::of(list)));
        Ok(())
    }

    /// How many items stand in the popular list.
    #[must_use]
    pub fn popular_len(&self) -> usize {
        self.popular.load().list.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, FxHashMap<ItemId, Kept>> {
        self.items.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Popular {
    list: Vec<ItemId>,
    set: FxHashSet<ItemId>,
}

impl Popular {
    fn of(list: Vec<ItemId>) -> Self {
        Self { set: list.iter().cloned().collect(), list }
    }
}

/// Why an item stands in an answer that no model gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// At least [`LEAST_PEOPLE`] people met it lately.
    Popular,
    /// It stands early in the operator's catalogue.
    Catalogue,
}

/// The items while they are being looked up.
#[derive(Debug)]
pub struct View<'a>(RwLockReadGuard<'a, FxHashMap<ItemId, Kept>>);

impl View<'_> {
    /// The item with this id.
    #[must_use]
    pub fn item(&self, id: &str) -> Option<&Arc<Item>> {
        self.0.get(id).map(|kept| &kept.item)
    }

    /// Whether the operator has given no items at all: then a model's items cannot be checked against them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

fn item_key(id: &ItemId) -> Key {
    Key::new(&[b"i/".as_slice(), id.as_str().as_bytes()].concat())
}

fn popular_key() -> Key {
    Key::new(b"p/popular")
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CatalogError> {
    postcard::to_extend(value, vec![SCHEMA]).map_err(CatalogError::Decoding)
}

fn decode<T: serde::de::DeserializeOwned>(value: &[u8]) -> Result<T, CatalogError> {
    match value.split_first() {
        Some((&SCHEMA, rest)) => postcard::from_bytes(rest).map_err(CatalogError::Decoding),
        _ => Err(CatalogError::Newer),
    }
}
