//! What is counted, and the page on which it is read.
//!
//! Promises: counting takes no lock and allocates nothing, so it may stand in the path of a call; a label's value is a
//! word of the program, of its configuration or of its catalogue, never one that a call brought, and no family has more
//! than a bounded number of them.
//!
//! It knows nothing of what is counted. Each room owns the counts of its own work and says what they mean; `observe`
//! reads them all and names them for the outside.
//!
//! Start with [`Counter`] and [`Histogram`]; [`Page`] is how they are written for a scraper.

mod counter;
mod histogram;
mod labelled;
mod page;
mod shards;

pub use counter::{Counter, Gauge};
pub use histogram::{Distribution, Histogram};
pub use labelled::Labelled;
pub use page::{Family, MEDIA_TYPE, Page};
pub use shards::Shards;
