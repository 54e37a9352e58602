//! Coarse forms of fine values. Each is a pure function that many inputs share an output of, so that what leaves
//! never determines what was said.
//!
//! That holds for one disclosure. Whoever sees a person's age band turn over at New Year learns the year of birth, and
//! whoever sees many cells learns the way between them; a pseudonym that is kept for years remembers.

use serde::Deserialize;

use super::Value;

/// Cells a degree: a cell of 0.1° is about 11 km high.
const CELLS: f64 = 10.0;

/// How one attribute becomes coarse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generalization {
    /// A year of birth to an age band of ten years, `80+` at the top.
    AgeBand,
    /// A coordinate in degrees to the lower edge of a cell of 0.1°.
    Cell,
    /// An hour of the day to `night`, `morning`, `afternoon` or `evening`.
    PartOfDay,
    /// A day to `weekday` or `weekend`.
    PartOfWeek,
    /// A kind of device to `small`, `large` or `none`.
    Screen,
}

impl Generalization {
    /// The word of the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgeBand => "age_band",
            Self::Cell => "cell",
            Self::PartOfDay => "part_of_day",
            Self::PartOfWeek => "part_of_week",
            Self::Screen => "screen",
        }
    }

    /// The coarse form of `value` in the year `this_year`; nothing where the value is not of the kind that this
    /// function generalizes. `limit` is the largest value the attribute can have.
    #[must_use]
    pub fn apply(self, value: &Value, limit: f64, this_year: i32) -> Option<Value> {
        Some(match (self, value) {
            (Self::AgeBand, Value::Integer(year)) => {
                let age = i64::from(this_year).saturating_sub(*year);
                Value::Word(age_band(age))
            }
            (Self::Cell, Value::Number(degrees)) => Value::Number(cell(*degrees, limit)),
            (Self::PartOfDay, Value::Integer(hour)) => Value::Word(part_of_day(*hour)),
            (Self::PartOfWeek, Value::Text(day)) => Value::Word(part_of_week(day)),
            (Self::Screen, Value::Text(kind)) => Value::Word(screen(kind)),
            _ => return None,
        })
    }
}

/// The last band is open: very old people are few.
fn age_band(age: i64) -> &'static str {
    match age {
        ..10 => "0-9",
        10..20 => "10-19",
        20..30 => "20-29",
        30..40 => "30-39",
        40..50 => "40-49",
        50..60 => "50-59",
        60..70 => "60-69",
        70..80 => "70-79",
        80.. => "80+",
    }
}

/// The lower edge of the cell. The upper edge of the range has no cell above it, so it joins the one below.
fn cell(degrees: f64, limit: f64) -> f64 {
    let number = (degrees * CELLS).floor();
    let last = limit * CELLS - 1.0;
    number.min(last) / CELLS
}

fn part_of_day(hour: i64) -> &'static str {
    match hour {
        6..=11 => "morning",
        12..=17 => "afternoon",
        18..=23 => "evening",
        _ => "night",
    }
}

fn part_of_week(day: &str) -> &'static str {
    if matches!(day, "sat" | "sun") { "weekend" } else { "weekday" }
}

fn screen(kind: &str) -> &'static str {
    match kind {
        "mobile" | "tablet" => "small",
        "desktop" | "tv" => "large",
        _ => "none",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: Option<Value>) -> &'static str {
        match value {
            Some(Value::Word(word)) => word,
            other => panic!("not a word: {other:?}"),
        }
    }

    #[test]
    fn a_birth_year_becomes_an_age_band() {
        let band =
            |year| text(Generalization::AgeBand.apply(&Value::Integer(year), f64::MAX, 2026));
        assert_eq!(band(1990), "30-39");
        assert_eq!(band(1987), "30-39");
        assert_eq!(band(1946), "80+");
        assert_eq!(band(1900), "80+");
        assert_eq!(band(2030), "0-9");
    }

    #[test]
    fn a_place_becomes_a_cell_by_rounding_down() {
        assert_eq!(cell(37.5665, 90.0).to_string(), "37.5");
        assert_eq!(cell(-0.01, 90.0).to_string(), "-0.1");
        assert_eq!(cell(90.0, 90.0).to_string(), "89.9");
        assert_eq!(cell(180.0, 180.0).to_string(), "179.9");
    }

    #[test]
    fn a_value_of_another_kind_has_no_coarse_form() {
        let fine = Value::Text("1990".into());
        assert_eq!(Generalization::AgeBand.apply(&fine, f64::MAX, 2026), None);
        assert_eq!(Generalization::Cell.apply(&fine, 90.0, 2026), None);
    }

    proptest! {
        #[test]
        fn a_cell_never_determines_the_place(tenths in -900i32..=899, a in 0.0f64..0.099, b in 0.0f64..0.099) {
            let edge = f64::from(tenths) / 10.0;
            let near = |offset: f64| cell(edge + 0.0005 + offset, 90.0).to_bits();
            prop_assert_eq!(near(a), near(b));
        }

        #[test]
        fn an_age_band_never_determines_the_year(year in 1900i64..=2100) {
            let of = |year: i64| Generalization::AgeBand.apply(&Value::Integer(year), 2100.0, 2026);
            let same = (1900..=2100).filter(|other| of(*other) == of(year)).count();
            prop_assert!(same >= 10, "{} years share the band", same);
        }

        #[test]
        fn a_part_of_day_never_determines_the_hour(hour in 0i64..24) {
            let same = (0..24).filter(|other| part_of_day(*other) == part_of_day(hour)).count();
            prop_assert_eq!(same, 6);
        }
    }

    #[test]
    fn words_are_shared_by_at_least_two_inputs() {
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let kinds = ["mobile", "tablet", "desktop", "tv", "speaker", "car", "other"];
        for day in days {
            assert!(days.iter().filter(|d| part_of_week(d) == part_of_week(day)).count() >= 2);
        }
        for kind in kinds {
            assert!(kinds.iter().filter(|k| screen(k) == screen(kind)).count() >= 2);
        }
    }
}
