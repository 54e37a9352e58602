//! What a person likes, as shares of tags.

use std::fmt;

/// A person's taste: the share p(g) of each tag g in what they liked. It is personal, so `Debug` shows none of it
/// and it cannot be serialized. Empty when nothing is known or nothing may be used.
#[derive(Clone, Default)]
pub struct Profile {
    /// Largest share first, then by name; the shares sum to 1.
    shares: Vec<(Box<str>, f64)>,
    /// How many of the largest shares hold 80 % together.
    core: usize,
}

/// A larger weight counts as this one, so that no sum of them overflows.
const MOST_WEIGHT: f64 = 1e300;

/// The share of taste that counts as the person's own ground.
const CORE: f64 = 0.8;

impl Profile {
    /// A profile from weights of tags, normalized to sum to 1. Weights of one tag add up; those that are no positive
    /// finite number are left out.
    #[must_use]
    pub fn from_weights<T: AsRef<str>>(weights: impl IntoIterator<Item = (T, f64)>) -> Self {
        let mut shares: Vec<(Box<str>, f64)> = weights
            .into_iter()
            .filter(|(_, weight)| weight.is_finite() && *weight > 0.0)
            .map(|(tag, weight)| (tag.as_ref().into(), weight.min(MOST_WEIGHT)))
            .collect();
        shares.sort_by(|one, two| one.0.cmp(&two.0).then(one.1.total_cmp(&two.1)));
        shares.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        let sum: f64 = shares.iter().map(|(_, weight)| weight).sum();
        for (_, weight) in &mut shares {
            *weight /= sum;
        }
        shares.retain(|(_, share)| *share > 0.0);
        shares.sort_by(|one, two| two.1.total_cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
        let core = core(&shares);
        Self { shares, core }
    }

    /// A profile from the tags of liked items, in which each item spreads one vote evenly over its tags:
    /// `p(g|i) = 1/|G_i|` (Steck, "Calibrated recommendations", `RecSys` 2018, section 3).
    #[must_use]
    pub fn from_items<T: AsRef<str>>(
        items: impl IntoIterator<Item = impl IntoIterator<Item = T>>,
    ) -> Self {
        let mut votes = Vec::new();
        for item in items {
            let start = votes.len();
            votes.extend(item.into_iter().map(|tag| (tag, 0.0)));
            let of_item = votes.get_mut(start..).unwrap_or_default();
            let vote = 1.0 / f64::from(u32::try_from(of_item.len()).unwrap_or(u32::MAX));
            for (_, weight) in of_item {
                *weight = vote;
            }
        }
        Self::from_weights(votes)
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Tags and their shares, largest first.
    pub(super) fn shares(&self) -> impl ExactSizeIterator<Item = (&str, f64)> {
        self.shares.iter().map(|(tag, share)| (tag.as_ref(), *share))
    }

    /// The smallest set of tags that holds 80 % of the taste.
    pub(super) fn core(&self) -> impl Iterator<Item = &str> {
        self.shares.iter().take(self.core).map(|(tag, _)| tag.as_ref())
    }
}

fn core(shares: &[(Box<str>, f64)]) -> usize {
    let mut held = 0.0;
    let reached = shares.iter().position(|(_, share)| {
        held += share;
        // Shares such as ten times 0.08 fall short of 0.8 by rounding alone.
        held >= CORE - 1e-9
    });
    reached.map_or(shares.len(), |last| last + 1)
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(profile: &Profile) -> Vec<(&str, f64)> {
        profile.shares().collect()
    }

    #[test]
    fn weights_become_shares_largest_first() {
        let profile = Profile::from_weights([("b", 1.0), ("a", 1.0), ("c", 5.0), ("b", 1.0)]);
        assert_eq!(shares(&profile), [("c", 0.625), ("b", 0.25), ("a", 0.125)]);
        assert_eq!(profile.core().collect::<Vec<_>>(), ["c", "b"]);
    }

    #[test]
    fn weights_that_are_no_positive_number_are_left_out() {
        let odd = [("a", f64::NAN), ("b", f64::INFINITY), ("c", -1.0), ("d", 0.0)];
        assert!(Profile::from_weights(odd).is_empty());
        assert!(Profile::from_weights::<&str>([]).is_empty());
        let huge = Profile::from_weights([("a", f64::MAX), ("b", f64::MAX)]);
        assert_eq!(shares(&huge), [("a", 0.5), ("b", 0.5)]);
    }

    #[test]
    fn each_liked_item_spreads_one_vote() {
        let profile = Profile::from_items([vec!["a", "b"], vec!["a"], vec![]]);
        assert_eq!(shares(&profile), [("a", 0.75), ("b", 0.25)]);
    }

    #[test]
    fn a_profile_shows_nothing_of_itself() {
        let profile = Profile::from_weights([("insulin", 1.0)]);
        assert_eq!(format!("{profile:?}"), "Profile(…)");
    }
}
