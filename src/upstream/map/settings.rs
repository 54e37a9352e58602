//! `[upstream.map]`: how a model of one's own is spoken to, as the operator writes it down.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

/// `[upstream.map]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapSettings {
    /// `[upstream.map.recommend]`: asks for recommendations.
    pub recommend: CallSettings,
    /// `[upstream.map.anonymous]`: asks for a list for everybody, where `recommend` cannot do without a user.
    pub anonymous: Option<CallSettings>,
    /// `[upstream.map.events]`: tells what people did.
    pub events: Option<CallSettings>,
    /// `[upstream.map.items]`: describes items.
    pub items: Option<CallSettings>,
    /// `[upstream.map.forget]`: asks the model to forget a user.
    pub forget: Option<CallSettings>,
    /// What the model cannot do. Each of `events`, `items` and `forget` is mapped or stands here.
    #[serde(default)]
    pub without: Vec<Operation>,
    /// `[upstream.map.answer]`: where things are in the answer to `recommend`.
    #[serde(default)]
    pub answer: AnswerSettings,
}

/// What a model is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Recommend to somebody.
    Recommend,
    /// Recommend to everybody.
    Anonymous,
    /// Learn what people did.
    Events,
    /// Learn of items.
    Items,
    /// Forget somebody.
    Forget,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recommend => "recommend",
            Self::Anonymous => "anonymous",
            Self::Events => "events",
            Self::Items => "items",
            Self::Forget => "forget",
        })
    }
}

/// One operation: a call written down with placeholders such as `{user}`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallSettings {
    /// The method; `POST`, or `GET` for a recommendation without a body.
    pub method: Option<String>,
    /// The path below the model's URL, with placeholders.
    pub path: String,
    /// Query parameters by name. One whose placeholder has no value is left out.
    pub query: BTreeMap<String, String>,
    /// The body: JSON as text or as a table. A member whose placeholder has no value is left out.
    pub body: Option<serde_json::Value>,
    /// `events`, `items`: one entry of the list that `{events}` or `{items}` stands for. Without it, each call tells
    /// of one.
    pub each: Option<serde_json::Value>,
    /// `events`: the model's own words for what people do, such as `view = "impression"`.
    pub types: BTreeMap<String, String>,
    /// `recommend`, `anonymous`: the most items that the model can be asked for.
    pub most: Option<usize>,
    /// `forget`: the status by which the model says that it does not know the user, which then counts as done.
    pub unknown_status: Option<u16>,
    /// `forget`: a JSON pointer to what must be in the answer, and neither `null` nor `false`, for it to count as done.
    pub confirmed: Option<String>,
    /// `forget`: for how many hours the model may still answer from what it was asked to forget.
    pub cache_hours: Option<u64>,
}

/// `[upstream.map.answer]`: JSON pointers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerSettings {
    /// What stands at `list`.
    pub form: Form,
    /// To the list, or to the object of scores by id.
    pub list: String,
    /// From an entry to its id. Of an entry that is a text or a whole number, that is the id.
    pub id: String,
    /// From an entry to its score.
    pub score: String,
    /// From an entry to its categories: a list of texts, or one.
    pub categories: String,
    /// From the root to a list of scores, in the order of `list`, where they stand apart.
    pub scores: Option<String>,
}

impl Default for AnswerSettings {
    fn default() -> Self {
        let (list, id) = ("/items".to_owned(), "/id".to_owned());
        let (score, categories) = ("/score".to_owned(), "/categories".to_owned());
        Self { form: Form::List, list, id, score, categories, scores: None }
    }
}

/// How an answer names its items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A list, best first.
    #[default]
    List,
    /// An object whose keys are ids and whose values are, or hold, scores.
    Object,
}
