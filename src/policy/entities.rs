//! The catalogue and the facts as Cedar sees them: entities and contexts of the words of the schema.

use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema,
};

use super::{Catalogue, CategoryCase, GateFacts, facts::detail_str};

/// The entities that requests name, made once.
pub(super) struct Names {
    pub(super) purposes: Vec<EntityUid>,
    pub(super) categories: Vec<EntityUid>,
    pub(super) first_party: EntityUid,
    pub(super) third_party: EntityUid,
    pub(super) individual: EntityUid,
    pub(super) fine: EntityUid,
    pub(super) coarse: EntityUid,
    consent: EntityTypeName,
    age: EntityTypeName,
    gpc: EntityTypeName,
    tier: EntityTypeName,
    detail: EntityTypeName,
}

/// Why Cedar would not take an entity or a context.
type Failure = Box<dyn std::error::Error>;

impl Names {
    pub(super) fn new(catalogue: &Catalogue) -> Result<Self, Failure> {
        let name = |text: &str| EntityTypeName::from_str(text).map_err(Box::new);
        let (purpose, category, action) = (name("Purpose")?, name("Category")?, name("Action")?);
        let recipient = name("Recipient")?;
        Ok(Self {
            purposes: catalogue.purposes().iter().map(|p| uid(&purpose, p.id.as_str())).collect(),
            categories: catalogue
                .categories()
                .iter()
                .map(|c| uid(&category, c.id.as_str()))
                .collect(),
            first_party: uid(&recipient, "first_party"),
            third_party: uid(&recipient, "third_party"),
            individual: uid(&action, "individual"),
            fine: uid(&action, "fine"),
            coarse: uid(&action, "coarse"),
            consent: name("Consent")?,
            age: name("Age")?,
            gpc: name("Gpc")?,
            tier: name("Tier")?,
            detail: name("Detail")?,
        })
    }

    pub(super) fn gate_context(&self, facts: GateFacts) -> Result<Context, Failure> {
        let truth = RestrictedExpression::new_bool;
        Ok(Context::from_pairs([
            ("registered".to_owned(), truth(facts.registered)),
            ("consent".to_owned(), word(&self.consent, facts.consent.as_str())),
            ("age".to_owned(), word(&self.age, facts.age.as_str())),
            ("gpc".to_owned(), truth(facts.gpc)),
            ("paused".to_owned(), truth(facts.paused)),
            ("night".to_owned(), truth(facts.night)),
            ("cap".to_owned(), word(&self.tier, facts.cap.as_str())),
        ])?)
    }

    pub(super) fn category_context(&self, case: CategoryCase) -> Result<Context, Failure> {
        Ok(Context::from_pairs([
            ("given".to_owned(), word(&self.detail, detail_str(case.given))),
            ("switched_off".to_owned(), RestrictedExpression::new_bool(case.switched_off)),
            ("tier".to_owned(), word(&self.tier, case.tier.as_str())),
        ])?)
    }

    /// Purposes, recipients and categories with their attributes, and the actions of the schema.
    pub(super) fn entities(
        &self,
        catalogue: &Catalogue,
        schema: &Schema,
    ) -> Result<Entities, Failure> {
        let truth = RestrictedExpression::new_bool;
        let mut all = Vec::new();
        for (uid, purpose) in self.purposes.iter().zip(catalogue.purposes()) {
            let attributes = [
                ("required".to_owned(), truth(purpose.required)),
                ("gpc".to_owned(), word(&self.gpc, purpose.gpc.as_str())),
                ("quiet".to_owned(), truth(purpose.quiet)),
            ];
            all.push(Entity::new(uid.clone(), attributes.into(), [].into())?);
        }
        for (uid, category) in self.categories.iter().zip(catalogue.categories()) {
            let attributes = [
                ("personal".to_owned(), truth(category.personal)),
                ("sensitive".to_owned(), truth(category.sensitive)),
                ("generalizes".to_owned(), truth(category.coarse.is_some())),
            ];
            let parents = self.purposes.iter().zip(catalogue.purposes());
            let parents = parents.filter(|(_, purpose)| purpose.uses(category));
            let parents = parents.map(|(parent, _)| parent.clone()).collect();
            all.push(Entity::new(uid.clone(), attributes.into(), parents)?);
        }
        for (uid, third) in [(&self.first_party, false), (&self.third_party, true)] {
            let attributes = [("third_party".to_owned(), truth(third))];
            all.push(Entity::new(uid.clone(), attributes.into(), [].into())?);
        }
        // Checked against the schema, then joined with its actions, which rules name by their group.
        let checked = Entities::from_entities(all, Some(schema))?;
        Ok(checked.add_entities(schema.action_entities()?, None)?)
    }
}

fn uid(kind: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
}

fn word(kind: &EntityTypeName, name: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(kind, name))
}
