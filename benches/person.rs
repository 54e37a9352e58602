//! What it costs to know a person: find them by their id, open where they stand, name them to a model, and seal a row
//! about them.
//!
//! `cargo bench --bench person`

#![expect(clippy::unwrap_used, reason = "a bench that cannot set its stage must fail")]

use std::{hint::black_box, sync::Arc};

use consentry::{
    ambient::{Clock, Entropy, FaultFs},
    app::{App, EngineSetting, Machine, Settings},
    audit::{Draft, Event},
    consent::{Action, Request, Snapshot},
    domain::{
        Detail, Epoch, IdType, Method, Pseudodomain, PurposeId, RecipientId, SubjectRef, TenantId,
        Timestamp, UserId,
    },
    policy::{CategoryFacts, ConsentFact, GateFacts, Permit, Whom},
    pseudonym::{Which, pseudonym},
    store::{Limits, OnSyncFailure},
    vault::Handle,
};
use criterion::{Criterion, criterion_group, criterion_main};

/// More people than the second app keeps in memory, so that each is opened anew.
const PEOPLE: usize = 64;

fn app(people_in_memory: usize) -> App {
    let folder = std::env::temp_dir()
        .join(format!("consentry-bench-{}-{people_in_memory}", std::process::id()));
    let text = format!(
        r#"
        keys = {{ dir = "{0}/keys" }}
        store = {{ dir = "{0}/store" }}
        auth = {{ issuer = "bench", key = [{{ kid = "k", algorithm = "HS256", from = {{ file = "" }} }}] }}
        "#,
        folder.display()
    );
    let mut settings = Settings::parse(&text).unwrap();
    settings.store.engine = EngineSetting::Memory;
    settings.store.people_in_memory = people_in_memory;
    let machine = Machine {
        clock: Clock::manual(Timestamp::from_millis(1_790_000_000_000)).0,
        entropy: Entropy::system(),
        fs: Arc::new(FaultFs::new()),
        limits: Limits::small(),
        on_sync_failure: OnSyncFailure::Poison,
    };
    App::open(settings, machine, |_| Ok(vec![7; 32])).unwrap()
}

fn subject(number: usize) -> SubjectRef {
    SubjectRef::new(IdType::user_id(), UserId::parse(&format!("user-{number}")).unwrap())
}

fn consenting(app: &App) -> Vec<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bundle = app.policies.snapshot();
    let purpose = PurposeId::parse("recommend_products").unwrap();
    let notice = Snapshot::of(bundle.catalogue().purpose(&purpose).unwrap(), "en");
    let notice = notice.sign(app.ledger.signer()).unwrap();
    let give = |number| {
        let handle = app.gateway.handle(&TenantId::standard(), subject(number)).unwrap();
        let request = Request {
            action: Action::Give,
            purpose: purpose.clone(),
            categories: None,
            notice: Some(notice.clone()),
            expires_at: None,
            method: Method::App,
            by_guardian: false,
            under_14_until: None,
            signal: false,
        };
        runtime.block_on(app.ledger.act(handle, request)).unwrap();
        handle
    };
    (0..PEOPLE).map(give).collect()
}

fn permit(app: &App, sid: consentry::domain::Sid) -> Permit {
    let facts = GateFacts {
        registered: true,
        consent: ConsentFact::Given,
        age: consentry::policy::Age::Adult,
        gpc: false,
        paused: false,
        night: false,
        third_party: false,
        cap: consentry::domain::Tier::Individual,
    };
    let purpose = PurposeId::parse("recommend_products").unwrap();
    let agreed = |_: &consentry::policy::Category| CategoryFacts {
        given: Detail::Fine,
        switched_off: false,
    };
    let ruling = app.policies.snapshot().rule(&purpose, facts, agreed).unwrap();
    ruling.permit(Whom {
        sid: Some(sid),
        recipient: RecipientId::parse("model").unwrap(),
        epoch: Epoch(1),
        valid_until: Timestamp::NEVER,
    })
}

fn person(c: &mut Criterion) {
    let (warm, cold) = (app(1_000), app(1));
    let (known, others) = (consenting(&warm), consenting(&cold));
    c.bench_function("handle", |b| {
        b.iter(|| warm.gateway.handle(&TenantId::standard(), black_box(subject(7))).unwrap());
    });
    let mut next = 0;
    c.bench_function("standing in memory", |b| {
        b.iter(|| {
            next = (next + 1) % PEOPLE;
            warm.ledger.find(*known.get(next).unwrap()).unwrap().unwrap()
        });
    });
    c.bench_function("standing from the store (memory engine)", |b| {
        b.iter(|| {
            next = (next + 1) % PEOPLE;
            cold.ledger.find(*others.get(next).unwrap()).unwrap().unwrap()
        });
    });
    let ada = warm.ledger.find(*known.first().unwrap()).unwrap().unwrap();
    let (permit, domain) = (permit(&warm, ada.key.sid()), Pseudodomain::parse("shop").unwrap());
    c.bench_function("pseudonym", |b| {
        let which = Which { domain: &domain, generation: 0 };
        b.iter(|| pseudonym(black_box(&permit), &ada.key, which).unwrap());
    });
    c.bench_function("row of 1 KB, its keys included", |b| {
        b.iter(|| {
            let draft = Draft {
                event: Event::Decision,
                outcome: "individual",
                reason: "consented",
                purpose: None,
                recipient: None,
                ruleset: "0123456789abcdef".to_owned(),
                at: Timestamp::from_millis(0),
                rows: None,
                body: vec![b'x'; 1024],
            };
            warm.audit.seal(draft, &ada.row_keys(), None).unwrap()
        });
    });
}

criterion_group!(benches, person);
criterion_main!(benches);
