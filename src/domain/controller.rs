//! Who answers for the processing.

use serde::Deserialize;

use super::Country;

/// The controller (GDPR article 4(7); 개인정보처리자, PIPA article 2(5)): whom receipts, certificates and answers to requests name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Controller {
    /// The name by which people know it.
    pub name: String,
    /// Its postal address.
    pub address: String,
    /// Where people reach it about their data: an address for mail, or a telephone number.
    pub contact: String,
    /// Where people manage their data.
    pub url: Option<String>,
    /// Where it is established.
    pub country: Option<Country>,
    /// In which zone its days begin: a name of the IANA time zone database.
    pub time_zone: String,
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            name: "The operator of this gateway".to_owned(),
            address: String::new(),
            contact: String::new(),
            url: None,
            country: None,
            time_zone: "Asia/Seoul".to_owned(),
        }
    }
}
