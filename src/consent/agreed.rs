//! What is agreed to when somebody gives, and until when.

use std::time::Duration;

use super::{Act, ConsentError, change::Change};
use crate::{
    domain::{CategoryId, Detail, Timestamp},
    policy::{Catalogue, Purpose},
};

/// What a person agrees to: what the request names, or all that the purpose uses except sensitive categories, each
/// of which needs an act that names it (PIPA 23).
pub(super) fn agreed(
    catalogue: &Catalogue,
    purpose: &Purpose,
    asked: Option<&[(CategoryId, Detail)]>,
) -> Result<Vec<(CategoryId, Detail)>, ConsentError> {
    if let Some(asked) = asked {
        for (place, (category, detail)) in asked.iter().enumerate() {
            let Some(known) = catalogue.category(category).filter(|known| purpose.uses(known))
            else {
                let known = purpose.categories().to_vec();
                return Err(ConsentError::UnknownCategory { place, known });
            };
            if *detail == Detail::Coarse && !known.offers(Detail::Coarse) {
                return Err(ConsentError::NoCoarseForm(place));
            }
            // With two details of one category nobody can say which of them was meant.
            if asked.iter().take(place).any(|(before, _)| before == category) {
                return Err(ConsentError::CategoryTwice(place));
            }
        }
        return Ok(asked.to_vec());
    }
    let plain = catalogue
        .categories_of(purpose)
        .filter(|category| category.personal() && !category.sensitive());
    Ok(plain.map(|category| (category.id().clone(), Detail::Fine)).collect())
}

/// When a consent that is given at `at` ends by itself. One to be sent messages has to be confirmed within two years (Network
/// Act 50(8), Decree 62-3): it ends with the days that its notice says, and the person is asked anew.
pub(super) fn ends(purpose: &Purpose, at: Timestamp, said: Option<Timestamp>) -> Option<Timestamp> {
    let days = u64::from(purpose.retention_days());
    let kept = at.after(Duration::from_secs(days * 24 * 60 * 60));
    let confirmed = (!purpose.channels().is_empty()).then_some(kept);
    [said, confirmed].into_iter().flatten().min()
}

/// When what a guardian agrees to for a child ends: when they said, and at the latest when the child turns 14 and is asked
/// anew.
pub(super) fn guarded(change: &Change, act: &Act) -> Result<Timestamp, ConsentError> {
    let standing = &change.standing;
    let until = standing.under_14_until.filter(|until| act.at < *until);
    let until = until.ok_or(ConsentError::NoChild)?;
    if standing.guardian.is_none() {
        return Err(ConsentError::NoGuardian);
    }
    Ok(act.expires_at.map_or(until, |end| end.min(until)))
}
