//! `RecBole`'s atomic files: tabs between fields, and a header such as `user_id:token` that names column and type.

use std::path::Path;

use super::{
    Films, MovieLensError, ShopItem, Viewer,
    lines::{Line, Text, tags},
    text,
};

pub(super) fn read(folder: &Path) -> Result<Films, MovieLensError> {
    let name = name(folder)?;
    let file = |ending: &str| text(folder, &format!("{name}.{ending}"));
    Ok(Films {
        ratings: ratings(&file("inter")?)?,
        items: items(&file("item")?)?,
        people: people(&file("user")?)?,
    })
}

/// What the three files are called before their endings.
fn name(folder: &Path) -> Result<String, MovieLensError> {
    let shown = || folder.display().to_string();
    let entries = std::fs::read_dir(folder)
        .map_err(|source| MovieLensError::Unreadable { file: shown(), source })?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names = names.filter_map(|name| Some(name.strip_suffix(".inter")?.to_owned()));
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name),
        _ => Err(MovieLensError::NotThere { folder: shown() }),
    }
}

fn ratings(text: &Text) -> Result<Vec<super::Rating>, MovieLensError> {
    let mut lines = text.lines('\t');
    let header = Header::of(text, &mut lines)?;
    let columns = [
        header.column("user_id", "a column user_id:token in the header")?,
        header.column("item_id", "a column item_id:token in the header")?,
        header.column("rating", "a column rating:float in the header")?,
        header.column("timestamp", "a column timestamp:float in the header")?,
    ];
    lines.map(|line| line.rating(columns)).collect()
}

fn items(text: &Text) -> Result<Vec<(ShopItem, super::Place)>, MovieLensError> {
    let mut lines = text.lines('\t');
    let header = Header::of(text, &mut lines)?;
    let id = header.column("item_id", "a column item_id:token in the header")?;
    let title = header.column("movie_title", "a column movie_title:token_seq in the header")?;
    // Other sets of the family call the same column genre.
    let genres = header
        .find("class")
        .or_else(|| header.find("genre"))
        .ok_or_else(|| header.0.place.expected("a column class:token_seq in the header"))?;
    let item = |line: Line<'_>| {
        let item = ShopItem {
            id: line.id(id, "an item id")?,
            title_en: line.field(title, "a title")?.to_owned(),
            title_ko: None,
            tags: tags(line.field(genres, "genres between spaces")?.split(' ')),
        };
        Ok((item, line.place))
    };
    lines.map(item).collect()
}

fn people(text: &Text) -> Result<Vec<Viewer>, MovieLensError> {
    let mut lines = text.lines('\t');
    let header = Header::of(text, &mut lines)?;
    let id = header.column("user_id", "a column user_id:token in the header")?;
    let age = header.find("age");
    let viewer = |line: Line<'_>| {
        Ok(Viewer {
            id: line.id(id, "a user id")?,
            age: age.map(|age| line.age(age)).transpose()?,
            place: line.place,
        })
    };
    lines.map(viewer).collect()
}

/// The first line.
struct Header<'a>(Line<'a>);

impl<'a> Header<'a> {
    fn of(
        text: &'a Text,
        lines: &mut impl Iterator<Item = Line<'a>>,
    ) -> Result<Self, MovieLensError> {
        lines.next().map(Self).ok_or_else(|| text.start().expected("a header line"))
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.fields.iter().position(|field| field.split(':').next() == Some(name))
    }

    fn column(&self, name: &str, expected: &'static str) -> Result<usize, MovieLensError> {
        self.find(name).ok_or_else(|| self.0.place.expected(expected))
    }
}
