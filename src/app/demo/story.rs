//! What the demo prints: calls to paste, in the order of the story they tell.

use std::fmt::Write as _;

use super::run::Demo;
use crate::app::AppError;

impl Demo {
    /// Ready-to-paste calls that show the main job.
    ///
    /// # Errors
    /// When a token cannot be signed.
    pub fn story(&self) -> Result<String, AppError> {
        let url = format!("http://{}", self.address());
        let app = self.app_token()?;
        let named = self.named()?;
        let (Some((first, _)), Some((second, second_token))) = (named.first(), named.get(1)) else {
            return Ok(format!("Consentry listens on {url}\n"));
        };
        let mut text = String::new();
        let _ = write!(
            text,
            r#"Consentry listens on {url}; its documents are at {url}/docs. Stop it with Ctrl-C.

The app's token, for the calls below:
  export APP='{app}'

1. A personalized answer: {first} agreed to it.
  curl -s {url}/v1/recommendations -H "Authorization: Bearer $APP" -H 'Content-Type: application/json' \
    -d '{{"subject":{{"id":"{first}"}},"purpose":"recommend_products","count":5}}'

2. What would leave, and what would not: a coordinate, a birth year and the weather, for {second}.
  curl -s {url}/v1/recommendations/preview -H "Authorization: Bearer $APP" -H 'Content-Type: application/json' \
    -d '{{"subject":{{"id":"{second}"}},"purpose":"recommend_products","count":5,"context":{{"location":{{"lat":37.5665,"lon":126.978}},"demographics":{{"birth_year":1990}},"weather":{{"sky":"rain"}}}}}}'

   The same seen by {second}, with the true bytes:
  curl -s {url}/v1/recommendations/preview -H 'Authorization: Bearer {second_token}' -H 'Content-Type: application/json' \
    -d '{{"purpose":"recommend_products","count":5}}'

3. {first} withdraws. It holds from the next call on.
  curl -s {url}/v1/consents -H "Authorization: Bearer $APP" -H 'Content-Type: application/json' \
    -d '{{"subject":{{"id":"{first}"}},"purpose":"recommend_products","action":"withdraw","method":"app"}}'

4. The same call as in 1: a full answer still, from which nothing of {first} left. "decision" says why.
  curl -s {url}/v1/recommendations -H "Authorization: Bearer $APP" -H 'Content-Type: application/json' \
    -d '{{"subject":{{"id":"{first}"}},"purpose":"recommend_products","count":5}}'
"#
        );
        Ok(text)
    }
}
