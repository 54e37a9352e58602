//! Both forms on small files of made-up films.

use std::{fs, path::PathBuf};

use super::*;
use crate::app::demo::plan::{Action, POPULARITY, RECOMMEND};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// A folder of its own that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn holding(test: &str, files: &[(&str, &[u8])]) -> Self {
        let path = std::env::temp_dir().join(format!("consentry-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for (name, content) in files {
            fs::write(path.join(name), content).unwrap();
        }
        Self(path)
    }

    fn read(&self) -> Result<Shop, MovieLensError> {
        Shop::from_movielens(&self.0, 1, NOW)
    }

    fn refusal(&self) -> String {
        let message = self.read().unwrap_err().to_string();
        message.replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const INTER: &[u8] = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n\
    7\t2\t3\t1000\n7\t1\t4.5\t400\n8\t1\t1\t900\n";
const ITEM: &[u8] = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n\
    1\tThe Röver\t1995\tComedy Children's\n2\tNobody Knows\t\tunknown\n"
    .as_bytes();
const USER: &[u8] = b"user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n\
    7\t24\tM\tbaker\t00000\n8\t13\tF\tpupil\t00000\n9\t14\tF\tpupil\t00000\n";

fn recbole(test: &str, inter: &[u8], item: &[u8], user: &[u8]) -> Folder {
    Folder::holding(test, &[("tiny.inter", inter), ("tiny.item", item), ("tiny.user", user)])
}

fn grouplens(test: &str, item: &[u8]) -> Folder {
    let data = b"7\t2\t3\t1000\n7\t1\t4\t400\n8\t1\t1\t900\n";
    let user = b"7|24|M|baker|00000\n8|13|F|pupil|00000\n9|14|F|pupil|00000\n";
    Folder::holding(test, &[("u.data", data), ("u.item", item), ("u.user", user)])
}

/// The second film in Latin-1, where 0xF6 is o with two dots.
fn u_item() -> Vec<u8> {
    let mut lines =
        b"2|Nobody Knows (1996)|||http://film|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n1|The R"
            .to_vec();
    lines.extend(
        b"\xf6ver (1995)|01-Jan-1995||http://film|0|0|0|0|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\r\n",
    );
    lines
}

#[test]
fn recbole_files_become_a_shop() {
    let shop = recbole("recbole", INTER, ITEM, USER).read().unwrap();
    let rover = &shop.items[0];
    assert_eq!((rover.id.as_str(), rover.title_en.as_str()), ("1", "The Röver"));
    assert_eq!(rover.tags, ["Comedy", "Children's"]);
    assert!(shop.items[1].tags.is_empty(), "unknown is no genre");
    assert_eq!(shop.people.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["7", "8", "9"]);
    assert!(shop.people[2].events.is_empty());
}

#[test]
fn grouplens_files_become_the_same_shop() {
    let shop = grouplens("grouplens", &u_item()).read().unwrap();
    let rover = &shop.items[1];
    assert_eq!((rover.id.as_str(), rover.title_en.as_str()), ("1", "The Röver (1995)"));
    assert_eq!(rover.tags, ["Children's", "Comedy"]);
    assert!(shop.items[0].tags.is_empty());
    assert_eq!(shop.people[0].events.len(), 2);
    let other = recbole("same", INTER, ITEM, USER).read().unwrap();
    let consents = |shop: &Shop| shop.people.iter().map(|p| p.consents.clone()).collect::<Vec<_>>();
    assert_eq!(consents(&shop), consents(&other));
    assert_eq!(shop.people[1], other.people[1]);
}

#[test]
fn the_latest_rating_is_now_and_the_rest_keep_their_distance() {
    let shop = recbole("time", INTER, ITEM, USER).read().unwrap();
    let ago = |seconds| NOW.before(Duration::from_secs(seconds));
    let [first, second] = &shop.people[0].events[..] else { panic!("two ratings") };
    assert_eq!((first.at, first.value, first.kind), (ago(600), Some(4.5), "rating"));
    assert_eq!((second.at, second.item.as_str()), (NOW, "2"));
    assert_eq!(shop.people[1].events[0].at, ago(100));
}

#[test]
fn only_children_are_under_fourteen() {
    let shop = recbole("age", INTER, ITEM, USER).read().unwrap();
    let under: Vec<bool> = shop.people.iter().map(|p| p.under_14_until.is_some()).collect();
    assert_eq!(under, [false, true, false]);
    assert!(shop.people[1].under_14_until.unwrap() > NOW);
}

#[test]
fn a_seed_draws_who_agrees() {
    let mut user = b"user_id:token\n".to_vec();
    (0..100).for_each(|id| user.extend(format!("{id}\n").bytes()));
    let folder = recbole("draw", INTER, ITEM, &user);
    let draw = |seed| Shop::from_movielens(&folder.0, seed, NOW).unwrap();
    let count = |shop: &Shop, purpose: &str| {
        let gives = |p: &&Person| {
            p.consents.iter().any(|c| c.purpose == purpose && c.action == Action::Give)
        };
        shop.people.iter().filter(gives).count()
    };
    assert_eq!((count(&draw(1), RECOMMEND), count(&draw(1), POPULARITY)), (60, 80));
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn a_wrong_line_is_named_with_what_belongs_there() {
    let header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n";
    let cases = [
        ("", "line 1: expected a header line"),
        ("user_id:token\n", "line 1: expected a column item_id:token in the header"),
        (&format!("{header}\n7\t1\t9\t0\n"), "line 3: expected a rating from 0 to 5"),
        (&format!("{header}7\t1\tNaN\t0\n"), "line 2: expected a rating from 0 to 5"),
        (&format!("{header}7\t1\t3\tlate\n"), "line 2: expected a time in seconds since 1970"),
        (&format!("{header}7\t1\t3\n"), "line 2: expected a time in seconds since 1970"),
        (&format!("{header}\t1\t3\t0\n"), "line 2: expected a user id"),
        (&format!("{header}7\t3\t3\t0\n"), "line 2: expected an item of the item file"),
        (&format!("{header}5\t1\t3\t0\n"), "line 2: expected a person of the user file"),
    ];
    for (number, (inter, expected)) in cases.into_iter().enumerate() {
        let folder = recbole(&format!("wrong-{number}"), inter.as_bytes(), ITEM, USER);
        assert_eq!(folder.refusal(), format!("tiny.inter, {expected}"));
    }
}

#[test]
fn what_stands_twice_is_refused() {
    let twice = [ITEM, b"1\tAgain\t1999\tDrama\n"].concat();
    assert_eq!(
        recbole("item-twice", INTER, &twice, USER).refusal(),
        "tiny.item, line 4: expected an item that no line before names"
    );
    let twice = [USER, b"7\t30\tM\tbaker\t00000\n"].concat();
    assert_eq!(
        recbole("user-twice", INTER, ITEM, &twice).refusal(),
        "tiny.user, line 5: expected a person that no line before names"
    );
}

#[test]
fn films_without_all_flags_are_refused() {
    for (number, line) in
        ["1|Short|||", "1|Odd|||u|2|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0"].into_iter().enumerate()
    {
        let folder = grouplens(&format!("flags-{number}"), line.as_bytes());
        assert_eq!(folder.refusal(), format!("u.item, line 1: expected {}", grouplens::ITEM_LINE));
    }
}

#[test]
fn a_folder_without_such_files_is_told_so() {
    let empty = Folder::holding("empty", &[]);
    assert!(matches!(empty.read(), Err(MovieLensError::NotThere { .. })));
    let part = Folder::holding("part", &[("tiny.inter", INTER)]);
    assert_eq!(part.refusal(), "reading tiny.item");
    let none = PathBuf::from(&part.0).join("nowhere");
    let error = Shop::from_movielens(&none, 1, NOW).unwrap_err();
    assert!(matches!(error, MovieLensError::Unreadable { .. }));
}
