//! The other ids of a person who is erased: each has a key of its own, which goes with a row and a certificate of its own.

use uuid::Uuid;

use super::{
    super::{Rights, RightsError, ground::off_the_worker},
    Ask, Erasure,
};

impl Rights {
    /// Erases what stands under the other ids of whom `ask` is about, and names the certificates. Those that are gone already
    /// are passed over, so that an erasure that was cut off goes on where it was.
    pub(super) async fn erase_linked(&self, ask: Ask) -> Result<Vec<Uuid>, RightsError> {
        let ledger = self.ledger.clone();
        let found = off_the_worker(move || Ok(ledger.find_as(ask.handle)?)).await?;
        let mut certificates = Vec::new();
        for link in found.iter().flat_map(|person| &person.standing.links) {
            let id = uuid::Builder::from_random_bytes(self.entropy.draw()?).into_uuid();
            let erasure = Erasure { request: None, ..ask.erasure };
            let of = Ask { handle: link.handle, id, erasure, ..ask };
            // An alias has no other ids of its own.
            if self.carry_out(of, &[], None).await?.is_some() {
                certificates.push(id);
            }
        }
        Ok(certificates)
    }
}
