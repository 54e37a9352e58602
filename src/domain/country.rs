//! A country, as ISO 3166-1 names it.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::InvalidId;

/// The codes that are assigned (ISO 3166-1 alpha-2), in order.
const ASSIGNED: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV \
    BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU \
    MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB \
    SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY \
    UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// A country by its code of two letters, such as `KR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Country(&'static str);

impl Country {
    /// Reads a code.
    ///
    /// # Errors
    /// When it is none that is assigned.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let known = ASSIGNED.split_ascii_whitespace().find(|code| *code == text);
        let rule = "an assigned code of ISO 3166-1 alpha-2 in capitals, such as KR";
        known.map(Self).ok_or(InvalidId { kind: "a country", rule })
    }

    /// The code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(text)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_assigned_codes_are_countries() {
        assert_eq!(ASSIGNED.split_ascii_whitespace().count(), 249);
        assert!(ASSIGNED.split_ascii_whitespace().is_sorted());
        assert_eq!(Country::parse("KR").unwrap().as_str(), "KR");
        for other in ["kr", "KOR", "XX", "UK", "", "K", "K R", "AD AE"] {
            assert!(Country::parse(other).is_err(), "{other}");
        }
    }
}
