//! Plays a shop through the gateway's own calls, as an app would: items, consents with the notice shown, events.

use std::collections::HashMap;

use super::plan::{Action as Answer, Person, PlannedEvent, Shop, ShopItem};
use crate::{
    app::{App, AppError},
    catalog::Item,
    consent::{self, Action, Request, Snapshot},
    domain::{CategoryId, InvalidId, ItemId, Method, PurposeId, SubjectRef, Tag, TenantId, UserId},
    gateway::{Happening, Kind},
    vault::Handle,
};

/// The language of the notices that the demo's people are shown.
const LANGUAGE: &str = "en";

/// How many events go into one call.
const EVENTS_AT_ONCE: usize = 500;

/// Plays all of `shop` and trains the models on what their people agreed to.
pub(super) async fn play(app: &App, shop: &Shop) -> Result<(), AppError> {
    let items = shop.items.iter().map(item).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    app.gateway.put_items(items).await?;
    let notices = notices(app)?;
    for person in &shop.people {
        let handle = handle(app, person)?;
        for request in requests(person, &notices)? {
            app.ledger.act(handle, request).await?;
        }
        for events in person.events.chunks(EVENTS_AT_ONCE) {
            let happenings: Result<Vec<_>, _> =
                events.iter().map(|event| happening(handle, event)).collect();
            let any = |_: &PurposeId| true;
            app.gateway.track(happenings.map_err(wrong)?, any, false).await?;
        }
    }
    for builtin in &app.builtins {
        builtin.train();
    }
    app.gateway.rebuild_popularity().await?;
    Ok(())
}

/// The id of `person`, as every call names them.
pub(super) fn subject(person: &Person) -> Result<SubjectRef, AppError> {
    let id = UserId::parse(&person.id).map_err(wrong)?;
    Ok(SubjectRef::new(crate::domain::IdType::user_id(), id))
}

fn handle(app: &App, person: &Person) -> Result<Handle, AppError> {
    Ok(app.gateway.handle(&TenantId::standard(), subject(person)?)?)
}

fn notices(app: &App) -> Result<HashMap<PurposeId, String>, AppError> {
    let bundle = app.policies.snapshot();
    let sign = |purpose: &crate::policy::Purpose| {
        let token = Snapshot::of(purpose, LANGUAGE).sign(app.ledger.signer());
        token.map(|token| (purpose.id().clone(), token)).map_err(consent::ConsentError::from)
    };
    Ok(bundle.catalogue().purposes().iter().map(sign).collect::<Result<_, _>>()?)
}

fn requests(
    person: &Person,
    notices: &HashMap<PurposeId, String>,
) -> Result<Vec<Request>, AppError> {
    let request = |planned: &super::plan::PlannedConsent| -> Result<Request, InvalidId> {
        let purpose = PurposeId::parse(planned.purpose)?;
        let named = planned.categories.iter();
        let categories = named.map(|(name, detail)| Ok((CategoryId::parse(name)?, *detail)));
        Ok(Request {
            action: match planned.action {
                Answer::Give => Action::Give,
                Answer::Refuse => Action::Refuse,
            },
            notice: notices.get(&purpose).cloned(),
            purpose,
            categories: Some(categories.collect::<Result<_, InvalidId>>()?),
            expires_at: None,
            method: Method::App,
            by_guardian: false,
            under_14_until: person.under_14_until,
            signal: false,
        })
    };
    person.consents.iter().map(request).collect::<Result<_, _>>().map_err(wrong)
}

fn item(item: &ShopItem) -> Result<Item, InvalidId> {
    let tags = item.tags.iter().map(|tag| Tag::parse(tag)).collect::<Result<_, _>>()?;
    let mut attributes = vec![("title_en".to_owned(), item.title_en.clone())];
    attributes.extend(item.title_ko.iter().map(|title| ("title_ko".to_owned(), title.clone())));
    Ok(Item { id: ItemId::parse(&item.id)?, tags, attributes })
}

fn happening(subject: Handle, event: &PlannedEvent) -> Result<Happening, InvalidId> {
    let kind = match event.kind {
        "view" => Kind::View,
        "click" => Kind::Click,
        "cart" => Kind::Cart,
        "purchase" => Kind::Purchase,
        _ => Kind::Rating,
    };
    let item = ItemId::parse(&event.item)?;
    Ok(Happening { subject, kind, item, value: event.value, at: Some(event.at) })
}

fn wrong(error: InvalidId) -> AppError {
    AppError::Demo(Box::new(error))
}
