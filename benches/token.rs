//! What it costs to know a caller: a token seen before, and one seen for the first time.

use std::{hint::black_box, time::Duration};

use consentry::{
    ambient::Entropy,
    auth::{App, Authority, Grant, Mint, Scopes, Vouches},
    domain::{AppId, TenantId, Timestamp},
};
use criterion::{Criterion, criterion_group, criterion_main};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

#[expect(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]
fn token(criterion: &mut Criterion) {
    let secret = [7; 32];
    let id = AppId::parse("shop").unwrap();
    let app = App {
        id: id.clone(),
        tenant: TenantId::standard(),
        purposes: [].into(),
        scopes: Scopes::APP,
        rate: None,
    };
    let mint = Mint::hs256("k1", &secret, Vouches::everything("bench"), "consentry").unwrap();
    let fresh = |remembered| {
        let leeway = Duration::from_secs(5);
        Authority::new("consentry", leeway, remembered, vec![mint.key()], vec![app.clone()])
            .unwrap()
    };
    let grant = Grant::App { id: &id, scopes: Scopes::APP };
    let life = Duration::from_secs(3600);
    let tokens: Vec<_> = (0..4096)
        .map(|seed| mint.token(grant, NOW, life, &Entropy::seeded(seed)).unwrap())
        .collect();

    let authority = fresh(65_536);
    let mut turn = tokens.iter().cycle();
    for token in &tokens {
        authority.verify(token.expose(), NOW).unwrap();
    }
    criterion.bench_function("token/hit", |bencher| {
        bencher.iter(|| {
            let token = turn.next().unwrap();
            authority.verify(black_box(token.expose()), black_box(NOW)).unwrap()
        });
    });
    criterion.bench_function("token/miss_hs256", |bencher| {
        // Room for one token and 4096 in turn: none is there when it comes again.
        let authority = fresh(1);
        bencher.iter(|| {
            let token = turn.next().unwrap();
            authority.verify(black_box(token.expose()), NOW).unwrap()
        });
    });
}

criterion_group!(benches, token);
criterion_main!(benches);
