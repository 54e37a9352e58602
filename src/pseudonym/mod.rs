//! Whom a model sees: a pseudonym of its own for each person.
//!
//! `"p" ‖ base32lower(HMAC(X(K_s, "consentry/pseudonym/v1"), lp(recipient) ‖ lp(domain) ‖ u32be generation)[:16])`,
//! 27 characters. It comes from the person's own random key, so two recipients cannot join theirs, no one can find a
//! person by trying ids, and destroying the key destroys the link for good.
//!
//! Promises: no pseudonym goes to a model without a [`Permit`] at tier `individual` for that very person and recipient. The
//! other two readers say what for: [`for_deletion`] and [`for_oneself`].

use std::fmt;

use crate::{
    domain::{Pseudodomain, RecipientId, Tier},
    policy::Permit,
    vault::{SubjectKey, length_prefix, mac},
};

/// A person as one recipient sees them. `Debug` hides it: a pseudonym is personal data still.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pseudonym([u8; 27]);

impl Pseudonym {
    /// The pseudonym itself. Every reader of it can be found by this method's name.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Base32 is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonym(…)")
    }
}

/// Which of a person's pseudonyms at one recipient: `generation` rises when they reset or withdraw.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// The pseudonymisation domain that the recipient's model belongs to.
    pub domain: &'a Pseudodomain,
    /// How many pseudonyms the person has left behind there.
    pub generation: u32,
}

/// The pseudonym that `permit` allows, `None` when it does not reach tier `individual` or is another person's.
#[must_use]
pub fn pseudonym(permit: &Permit, key: &SubjectKey, which: Which<'_>) -> Option<Pseudonym> {
    let granted = permit.tier() == Tier::Individual && permit.sid() == Some(key.sid());
    granted.then(|| derive(key, permit.recipient(), which))
}

/// The pseudonym that was in use, for asking its recipient to delete what it holds: a deletion needs no permit to
/// disclose, since it tells the recipient nothing that it does not hold already.
#[must_use]
pub fn for_deletion(key: &SubjectKey, recipient: &RecipientId, which: Which<'_>) -> Pseudonym {
    derive(key, recipient, which)
}

/// A pseudonym of a person's, for themselves: they may ask its recipient what it holds, and only they can name it.
#[must_use]
pub fn for_oneself(key: &SubjectKey, recipient: &RecipientId, which: Which<'_>) -> Pseudonym {
    derive(key, recipient, which)
}

fn derive(key: &SubjectKey, recipient: &RecipientId, which: Which<'_>) -> Pseudonym {
    let (recipient, domain) = (recipient.as_str().as_bytes(), which.domain.as_str().as_bytes());
    let whole = mac(
        &*key.derive(&[b"consentry/pseudonym/v1"]),
        &[
            &length_prefix(recipient),
            recipient,
            &length_prefix(domain),
            domain,
            &which.generation.to_be_bytes(),
        ],
    );
    let (half, _) = whole.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    let mut text = [b'p'; 27];
    for (to, from) in text.iter_mut().skip(1).zip(base32lower(half)) {
        *to = from;
    }
    Pseudonym(text)
}

/// RFC 4648 base32 in lower case, without padding.
fn base32lower(bytes: &[u8; 16]) -> impl Iterator<Item = u8> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let number = u128::from_be_bytes(*bytes);
    // 26 groups of five bits: 25 whole ones and the last three bits, filled up with two zeros.
    (0..26u32).map(move |group| {
        let shifted = if group < 25 { number >> (123 - 5 * group) } else { number << 2 };
        let index = usize::from(u8::try_from(shifted & 31).unwrap_or_default());
        ALPHABET.get(index).copied().unwrap_or(b'a')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::vectors;

    #[test]
    fn a_pseudonym_is_the_published_vector() {
        let recipient = RecipientId::parse("recsys-eu").unwrap();
        let domain = Pseudodomain::parse("recommend").unwrap();
        let found = derive(&vectors::key(), &recipient, Which { domain: &domain, generation: 3 });
        assert_eq!(found.expose(), "pq6wrpewpo426tp4nrj7wblr3ka");
        assert_eq!(format!("{found:?}"), "Pseudonym(…)");
    }

    #[test]
    fn recipients_domains_and_generations_see_different_people() {
        let domain = |name| Pseudodomain::parse(name).unwrap();
        let see = |recipient, name, generation| {
            let recipient = RecipientId::parse(recipient).unwrap();
            derive(&vectors::key(), &recipient, Which { domain: &domain(name), generation })
        };
        let all = [see("a", "d", 0), see("b", "d", 0), see("a", "e", 0), see("a", "d", 1)];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one));
        }
    }
}
