//! `GroupLens`' own files of MovieLens-100K: `u.data` with tabs, `u.item` and `u.user` with bars, no headers.

use std::path::Path;

use super::{
    Films, MovieLensError, ShopItem, Viewer,
    lines::{Line, Text, tags},
    text,
};

/// The genres whose flags close each line of `u.item`, in their order.
const GENRES: [&str; 19] = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

/// Columns of `u.item` before the flags: id, title, release, video release, address.
const BEFORE_FLAGS: usize = 5;

pub(super) const ITEM_LINE: &str =
    "24 fields between bars: id, title, two dates, an address, 19 flags of 0 or 1";

pub(super) fn read(folder: &Path) -> Result<Films, MovieLensError> {
    let ratings = text(folder, "u.data")?;
    let ratings =
        ratings.lines('\t').map(|line| line.rating([0, 1, 2, 3])).collect::<Result<_, _>>()?;
    let items = items(&text(folder, "u.item")?)?;
    let people = people(&text(folder, "u.user")?)?;
    Ok(Films { items, people, ratings })
}

fn items(text: &Text) -> Result<Vec<(ShopItem, super::Place)>, MovieLensError> {
    text.lines('|').map(item).collect()
}

fn item(line: Line<'_>) -> Result<(ShopItem, super::Place), MovieLensError> {
    let flags = line.fields.get(BEFORE_FLAGS..).unwrap_or_default();
    if flags.len() != GENRES.len() || !flags.iter().all(|flag| matches!(*flag, "0" | "1")) {
        return Err(line.place.expected(ITEM_LINE));
    }
    let genres = GENRES.into_iter().zip(flags).filter(|(_, flag)| **flag == "1");
    let item = ShopItem {
        id: line.id(0, "an item id")?,
        title_en: line.field(1, "a title")?.to_owned(),
        title_ko: None,
        tags: tags(genres.map(|(genre, _)| genre)),
    };
    Ok((item, line.place))
}

fn people(text: &Text) -> Result<Vec<Viewer>, MovieLensError> {
    let viewer = |line: Line<'_>| {
        let (id, age) = (line.id(0, "a user id")?, line.age(1)?);
        Ok(Viewer { id, age: Some(age), place: line.place })
    };
    text.lines('|').map(viewer).collect()
}
