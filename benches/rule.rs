//! What ruling costs: a case the table has not seen (the rules are asked), one it has, and shaping a context.

#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to measure")]

use std::hint::black_box;

use consentry::{
    domain::{Detail, Epoch, PurposeId, RecipientId, Sid, Tier, Timestamp},
    policy::{Age, Bundle, CategoryFacts, ConsentFact, Context, GateFacts, Ruling, Whom},
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use serde_json::value::RawValue;

const CONTEXT: &str = r#"{"location":{"lat":37.5665,"lon":126.978},"demographics":{"birth_year":1990},
    "device":{"type":"mobile","os":"android"},"weather":{"sky":"rain"}}"#;

fn facts() -> GateFacts {
    GateFacts {
        registered: true,
        consent: ConsentFact::Given,
        age: Age::Adult,
        gpc: false,
        paused: false,
        night: false,
        third_party: false,
        cap: Tier::Individual,
    }
}

fn rule(bundle: &Bundle, purpose: &PurposeId) -> Ruling {
    let person = |_: &_| CategoryFacts { given: Detail::Coarse, switched_off: false };
    bundle.rule(black_box(purpose), black_box(facts()), person).unwrap()
}

fn whom(recipient: &RecipientId) -> Whom {
    Whom {
        sid: Some(Sid([7; 16])),
        recipient: recipient.clone(),
        epoch: Epoch(1),
        valid_until: Timestamp::NEVER,
    }
}

fn context(bundle: &Bundle) -> Context {
    let json: &RawValue = serde_json::from_str(CONTEXT).unwrap();
    bundle.catalogue().parse_context(json).unwrap()
}

fn load(c: &mut Criterion) {
    c.bench_function("rule/load bundle", |b| b.iter(|| Bundle::shipped().unwrap()));
    c.bench_function("rule/whole table", |b| {
        let fresh = || Bundle::shipped().unwrap();
        b.iter_batched(fresh, |bundle| bundle.table().count(), BatchSize::PerIteration);
    });
}

fn call(c: &mut Criterion) {
    let purpose = PurposeId::parse("recommend_products").unwrap();
    let recipient = RecipientId::parse("model-a").unwrap();
    c.bench_function("rule/miss (gate, by Cedar)", |b| {
        let fresh = || Bundle::shipped().unwrap();
        b.iter_batched_ref(fresh, |bundle| rule(bundle, &purpose), BatchSize::PerIteration);
    });
    let bundle = Bundle::shipped().unwrap();
    c.bench_function("rule/hit (gate, by table)", |b| b.iter(|| rule(&bundle, &purpose)));
    c.bench_function("rule/hit and 9 categories", |b| {
        b.iter(|| {
            let ruling = rule(&bundle, &purpose);
            ruling.categories().filter(|(_, ruled)| ruled.detail() > Detail::None).count()
        });
    });
    c.bench_function("rule/parse context", |b| b.iter(|| context(&bundle)));
    let said = context(&bundle);
    c.bench_function("rule/permit and shape", |b| {
        let ruling = rule(&bundle, &purpose);
        b.iter(|| ruling.clone().permit(whom(&recipient)).shape(black_box(&said), 2026));
    });
}

criterion_group!(benches, load, call);
criterion_main!(benches);
