//! Reads a folder of MovieLens-100K files as a shop: films, people, ratings.
//!
//! Two forms are known: `RecBole`'s atomic files (`NAME.inter`, `NAME.item`, `NAME.user`, with a header line that names
//! the columns) and `GroupLens`' own (`u.data`, `u.item`, `u.user`). What people agree to is drawn from a seed, 60 %,
//! 20 % and 20 %; the ratings are moved in time, all by the same amount, so that the latest is at `now`.
//!
//! Promises: a file that is not as expected is refused with its name, the line and what was expected there, never
//! read in part. People's gender, occupation and postal code are not read; age only tells who is under 14.
//!
//! The files are not ours to pass on: nothing of them is kept but in the demo's own data folder.

mod grouplens;

mod lines;

mod recbole;

use std::{io, path::Path, time::Duration};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    chance::Chance,
    plan::{Person, PlannedEvent, Shop, ShopItem, Stance},
};
use crate::domain::Timestamp;
use lines::Text;

/// Why a folder cannot be read as MovieLens files.
#[derive(Debug, thiserror::Error)]
pub enum MovieLensError {
    /// Neither form of the files is there.
    #[error("{folder} holds neither u.data (GroupLens) nor one file that ends in .inter (RecBole)")]
    NotThere {
        /// The folder looked into.
        folder: String,
    },
    /// A file or the folder cannot be opened.
    #[error("reading {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not as expected.
    #[error("{file}, line {line}: expected {expected}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What stands there in such a file.
        expected: &'static str,
    },
}

impl Shop {
    /// Reads `folder`, draws consents from `seed`, and moves the ratings so that the latest is at `now`.
    ///
    /// # Errors
    /// When the files are missing, cannot be opened, or are not as expected.
    pub fn from_movielens(
        folder: &Path,
        seed: u64,
        now: Timestamp,
    ) -> Result<Self, MovieLensError> {
        let films = if folder.join("u.data").is_file() {
            grouplens::read(folder)?
        } else {
            recbole::read(folder)?
        };
        films.into_shop(seed, now)
    }
}

/// What the files of either form hold.
struct Films {
    items: Vec<(ShopItem, Place)>,
    people: Vec<Viewer>,
    ratings: Vec<Rating>,
}

/// Where something was read: the file and the line, for errors found later.
#[derive(Clone)]
struct Place {
    file: std::rc::Rc<str>,
    line: usize,
}

impl Place {
    fn expected(&self, expected: &'static str) -> MovieLensError {
        MovieLensError::Malformed { file: self.file.to_string(), line: self.line, expected }
    }
}

struct Viewer {
    id: String,
    /// Years; unknown in some files.
    age: Option<u16>,
    place: Place,
}

struct Rating {
    person: String,
    item: String,
    /// 1 to 5 stars, also half ones.
    stars: f64,
    /// As written in the file.
    at: Timestamp,
    place: Place,
}

/// One of the three kinds of files.
fn text(folder: &Path, name: &str) -> Result<Text, MovieLensError> {
    let file = folder.join(name);
    let shown = file.display().to_string();
    let bytes = std::fs::read(&file)
        .map_err(|source| MovieLensError::Unreadable { file: shown.clone(), source })?;
    Ok(Text::new(&shown, &bytes))
}

impl Films {
    fn into_shop(self, seed: u64, now: Timestamp) -> Result<Shop, MovieLensError> {
        let mut known = FxHashSet::default();
        for (item, place) in &self.items {
            if !known.insert(item.id.clone()) {
                return Err(place.expected("an item that no line before names"));
            }
        }
        let mut histories = self.histories(&known, now)?;
        let mut stances = Stance::of_people(self.people.len());
        Chance::seeded(seed).shuffle(&mut stances);
        let mut people = Vec::with_capacity(self.people.len());
        for (viewer, stance) in self.people.into_iter().zip(stances) {
            // Histories are handed out once, so a second viewer of the same id finds none.
            let mut events = histories
                .remove(&viewer.id)
                .ok_or_else(|| viewer.place.expected("a person that no line before names"))?;
            events.sort_by_key(|event: &PlannedEvent| event.at);
            people.push(Person {
                consents: stance.consents(),
                events,
                under_14_until: viewer.age.and_then(|age| fourteen_at(age, now)),
                id: viewer.id,
            });
        }
        Ok(Shop { items: self.items.into_iter().map(|(item, _)| item).collect(), people })
    }

    /// The ratings of each person as events, moved so that the latest is at `now`.
    fn histories(
        &self,
        items: &FxHashSet<String>,
        now: Timestamp,
    ) -> Result<FxHashMap<String, Vec<PlannedEvent>>, MovieLensError> {
        let latest = self.ratings.iter().map(|rating| rating.at.millis()).max().unwrap_or(0);
        let mut histories: FxHashMap<String, Vec<PlannedEvent>> =
            self.people.iter().map(|viewer| (viewer.id.clone(), Vec::new())).collect();
        for Rating { person, item, stars, at, place } in &self.ratings {
            if !items.contains(item) {
                return Err(place.expected("an item of the item file"));
            }
            let history = histories
                .get_mut(person)
                .ok_or_else(|| place.expected("a person of the user file"))?;
            let at = Timestamp::from_millis(now.millis() - (latest - at.millis()));
            history.push(PlannedEvent {
                item: item.clone(),
                kind: "rating",
                value: Some(*stars),
                at,
            });
        }
        Ok(histories)
    }
}

/// When someone who is `age` years old now turns 14 at the latest, if they are younger.
fn fourteen_at(age: u16, now: Timestamp) -> Option<Timestamp> {
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
    (age < 14).then(|| now.after(YEAR * u32::from(14 - age)))
}

#[cfg(test)]
mod tests;
