//! How strongly to re-rank: one dial from 0 to 1, with named points on it.
//!
//! The dial is a line through five measured settings of the re-ranker; between two of them every parameter is
//! interpolated, so a small turn is a small change. It is not a percentage of anything.

use std::{fmt, str::FromStr};

/// How strongly to re-rank, from 0 (the model's own order) to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Dial(f64);

impl Dial {
    /// The model's own order, row for row.
    pub const OFF: Self = Self(0.0);

    /// Reads a strength.
    ///
    /// # Errors
    /// When it is not a number from 0 to 1.
    pub fn parse(strength: f64) -> Result<Self, InvalidDial> {
        // Adding zero turns -0 into 0, which is the same strength.
        if (0.0..=1.0).contains(&strength) { Ok(Self(strength + 0.0)) } else { Err(InvalidDial) }
    }

    /// The strength, from 0 to 1.
    #[must_use]
    pub const fn strength(self) -> f64 {
        self.0
    }

    /// Whether the model's order is left alone.
    #[must_use]
    pub fn is_off(self) -> bool {
        self.0 <= 0.0
    }

    /// The parameters of the re-ranker at this strength.
    pub(super) fn blend(self) -> Blend {
        let mut below = Knot { at: 0.0, blend: OFF };
        for knot in LINE {
            if self.0 < knot.at {
                let way = (self.0 - below.at) / (knot.at - below.at);
                return below.blend.toward(knot.blend, way);
            }
            below = knot;
        }
        below.blend
    }
}

impl Default for Dial {
    fn default() -> Self {
        Preset::default().dial()
    }
}

impl TryFrom<f64> for Dial {
    type Error = InvalidDial;

    fn try_from(strength: f64) -> Result<Self, Self::Error> {
        Self::parse(strength)
    }
}

impl From<Dial> for f64 {
    fn from(dial: Dial) -> Self {
        dial.0
    }
}

impl From<Preset> for Dial {
    fn from(preset: Preset) -> Self {
        preset.dial()
    }
}

/// A named point on the dial.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Hardly costs hits, and leads back to tastes the list forgot.
    #[default]
    Gentle,
    /// Gives some hits for twice the breadth.
    Balanced,
    /// Breadth first.
    Wide,
}

impl Preset {
    /// All presets, weakest first.
    pub const ALL: [Self; 3] = [Self::Gentle, Self::Balanced, Self::Wide];

    /// Where the preset stands on the dial.
    #[must_use]
    pub const fn dial(self) -> Dial {
        Dial(match self {
            Self::Gentle => 0.25,
            Self::Balanced => 0.5,
            Self::Wide => 0.75,
        })
    }

    /// The word for this preset in configuration and commands.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gentle => "gentle",
            Self::Balanced => "balanced",
            Self::Wide => "wide",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Preset {
    type Err = InvalidPreset;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == text).ok_or(InvalidPreset)
    }
}

/// The number is no strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a diversity strength is a number from 0 to 1")]
pub struct InvalidDial;

/// The text names no preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a diversity preset is one of gentle, balanced, wide")]
pub struct InvalidPreset;

/// The parameters of one re-ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Blend {
    /// Weight of the mean distance to the picks; relevance weighs one less this.
    pub(super) distance: f64,
    /// Weight of the pull towards tastes that the picks have not served yet.
    pub(super) calibration: f64,
    /// Share of the rank form in relevance; the rest is the min-max form of the scores.
    pub(super) by_rank: f64,
}

impl Blend {
    fn toward(self, other: Self, way: f64) -> Self {
        let mix = |from: f64, to: f64| from + (to - from) * way;
        Self {
            distance: mix(self.distance, other.distance),
            calibration: mix(self.calibration, other.calibration),
            by_rank: mix(self.by_rank, other.by_rank),
        }
    }
}

/// Relevance by rank alone gives back the model's order whatever its scores are, so the dial is continuous at 0 too.
const OFF: Blend = Blend { distance: 0.0, calibration: 0.0, by_rank: 1.0 };

#[derive(Clone, Copy)]
struct Knot {
    at: f64,
    blend: Blend,
}

/// The measured settings that the dial runs through.
const LINE: [Knot; 4] = [
    Knot { at: 0.25, blend: Blend { distance: 0.2, calibration: 0.6, by_rank: 0.0 } },
    Knot { at: 0.5, blend: Blend { distance: 0.3, calibration: 0.6, by_rank: 1.0 } },
    Knot { at: 0.75, blend: Blend { distance: 0.5, calibration: 0.3, by_rank: 1.0 } },
    Knot { at: 1.0, blend: Blend { distance: 0.7, calibration: 0.3, by_rank: 1.0 } },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_is_a_number_from_zero_to_one() {
        for good in [0.0, -0.0, 0.25, 1.0] {
            assert!(Dial::parse(good).is_ok(), "{good}");
        }
        for bad in [f64::NAN, f64::INFINITY, -f64::INFINITY, -0.001, 1.001] {
            assert_eq!(Dial::parse(bad), Err(InvalidDial), "{bad}");
        }
        assert!(Dial::parse(-0.0).unwrap().strength().is_sign_positive());
        assert!(serde_json::from_str::<Dial>("1.5").is_err());
        assert_eq!(serde_json::from_str::<Dial>("0.25").unwrap(), Dial::default());
    }

    #[test]
    fn presets_are_the_measured_settings() {
        let at = |preset: Preset| preset.dial().blend();
        let blend = |distance, calibration, by_rank| Blend { distance, calibration, by_rank };
        assert_eq!(at(Preset::Gentle), blend(0.2, 0.6, 0.0));
        assert_eq!(at(Preset::Balanced), blend(0.3, 0.6, 1.0));
        assert_eq!(at(Preset::Wide), blend(0.5, 0.3, 1.0));
        assert_eq!(Dial(1.0).blend(), blend(0.7, 0.3, 1.0));
        assert_eq!(Dial::OFF.blend(), OFF);
        assert_eq!("wide".parse(), Ok(Preset::Wide));
        assert_eq!("Wide".parse::<Preset>(), Err(InvalidPreset));
    }

    #[test]
    fn a_small_turn_is_a_small_change() {
        let step = 1e-4;
        let mut last = Dial::OFF.blend();
        for turn in 1..=10_000 {
            let next = Dial::parse(f64::from(turn) * step).unwrap().blend();
            // The steepest part turns the form of relevance over within a quarter of the dial.
            assert!((next.distance - last.distance).abs() < 2.0 * step);
            assert!((next.calibration - last.calibration).abs() < 3.0 * step);
            assert!((next.by_rank - last.by_rank).abs() < 5.0 * step);
            last = next;
        }
    }
}
