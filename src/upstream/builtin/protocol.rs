//! The bodies of the `json` protocol, from the model's side.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::upstream::fault::UpstreamFault;

/// `/recommend`. The scenario and the context are read over: this model does not use them.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    pub(super) user: Option<String>,
    pub(super) count: usize,
    #[serde(default)]
    pub(super) seed_items: Vec<String>,
}

/// `/events`.
#[derive(Debug, Deserialize)]
pub(super) struct Events {
    pub(super) events: Vec<Event>,
}

/// One event. Its time is read over: events count in the order they arrive.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) user: String,
    pub(super) item: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) value: Option<f64>,
}

/// `/items`.
#[derive(Debug, Deserialize)]
pub(super) struct Items {
    pub(super) items: Vec<Item>,
}

/// One item.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    #[serde(default)]
    pub(super) categories: Vec<String>,
}

/// `/forget`.
#[derive(Debug, Deserialize)]
pub(super) struct Forget {
    pub(super) user: String,
}

/// The answer to `/recommend`.
#[derive(Debug, Serialize)]
pub(super) struct Listed<'a> {
    pub(super) items: Vec<Entry<'a>>,
}

/// One recommended item.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    pub(super) id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<f32>,
    pub(super) categories: &'a [String],
}

/// Reads a body.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, UpstreamFault> {
    serde_json::from_slice(body).map_err(|_| UpstreamFault::Status(400))
}

#[expect(clippy::expect_used, reason = "strings, finite numbers and lists are JSON")]
pub(super) fn write(listed: &Listed<'_>) -> Vec<u8> {
    serde_json::to_vec(listed).expect("a list is written to memory")
}
