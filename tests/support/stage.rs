//! A running gateway and tokens for the actors.

use std::{net::SocketAddr, time::Duration};

use consentry::{
    ambient::{Clock, Entropy, Fault, FaultFs, ManualClock},
    app::{App, Door, Server},
    auth::{Grant, Mint, Scopes, Vouches},
    domain::{AppId, IdType, SubjectRef, TenantId, Timestamp, UserId},
    store::Batch,
};

use super::{
    client::{Call, To},
    log,
    model::Model,
    wiring::{self, SECRET, Set},
};

/// When each test begins: noon in Korea, so that no night rule is in the way.
const NOON: &str = "2026-11-22T03:00:00Z";

/// A running gateway with two apps: `shop`, registered for every purpose, and `kiosk`, registered for none.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    /// The gateway's clock.
    pub(crate) clock: ManualClock,
    server: Option<Server>,
    mint: Mint,
    stranger: Mint,
    entropy: Entropy,
}

impl Stage {
    /// With the model inside the process.
    pub(crate) async fn start() -> Self {
        Self::set(|_| {}).await
    }

    /// With a model over HTTP that the test holds in its hand.
    pub(crate) async fn with_model(model: &Model) -> Self {
        let url = model.url();
        Self::set(move |set| set.model = Some(url)).await
    }

    /// With a model over HTTP that is someone else's, so that a signal speaks of it.
    pub(crate) async fn with_third_party(model: &Model) -> Self {
        Self::with_model_set("third_party = true", model).await
    }

    /// With a model over HTTP, on a disk that the test can break.
    pub(crate) async fn with_model_and_disk(model: &Model, disk: &FaultFs) -> Self {
        let (url, disk) = (model.url(), disk.clone());
        Self::set(move |set| (set.model, set.disk) = (Some(url), Some(disk))).await
    }

    /// With a model over HTTP that is waited for as long as a test may need.
    pub(crate) async fn with_patient_model(model: &Model) -> Self {
        Self::with_model_set("timeout_ms = 60000", model).await
    }

    async fn with_model_set(settings: &'static str, model: &Model) -> Self {
        let url = model.url();
        Self::set(move |set| (set.model, set.model_settings) = (Some(url), settings.to_owned()))
            .await
    }

    /// With anything else changed.
    pub(crate) async fn set(change: impl FnOnce(&mut Set) + Send + 'static) -> Self {
        log::listen();
        let mint = Mint::hs256("test", &SECRET, Vouches::everything("tests"), "consentry");
        let stranger = Mint::hs256("test", &[8; 32], Vouches::everything("tests"), "consentry");
        let (mint, stranger) = (mint.unwrap(), stranger.unwrap());
        let (clock, hand) = Clock::manual(Timestamp::parse(NOON).unwrap());
        let opened = tokio::task::spawn_blocking(move || {
            let mut set = Set::new(clock);
            change(&mut set);
            wiring::start(set)
        });
        let server = opened.await.unwrap();
        let address = server.address();
        let entropy = Entropy::system();
        Self { address, clock: hand, server: Some(server), mint, stranger, entropy }
    }

    /// The running gateway.
    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// What the gateway stands on, for a look behind the door.
    pub(crate) fn behind(&self) -> &App {
        self.server.as_ref().unwrap().app()
    }

    /// Waits until `holds`, for what the gateway does by itself.
    pub(crate) async fn eventually(&self, holds: impl Fn() -> bool) {
        let asked = async {
            while !holds() {
                self.get("/healthz").send().await;
            }
        };
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, asked).await.expect("it never comes to hold");
    }

    /// Lets `disk`, on which the gateway stands, fail from here on, with all shown that the gateway has to write: a disk
    /// that fails while a durable group is being shown keeps the store from writing until it is opened anew, and rows
    /// that no answer waits for come a little after it.
    pub(crate) async fn breaks(&self, disk: &FaultFs, fault: Fault) {
        self.behind().store.commit(Batch::default()).await.unwrap();
        disk.arm(Some(fault));
    }

    /// Ends the gateway in order.
    pub(crate) async fn stop(mut self) {
        let server = self.server.take().unwrap();
        tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    }

    /// A token of the app `id` with the scopes in `scope`, good for an hour.
    pub(crate) fn app(&self, id: &str, scope: &str) -> String {
        let id = AppId::parse(id).unwrap();
        self.token(&self.mint, Grant::App { id: &id, scopes: Scopes::of_claim(scope) }, 3600)
    }

    /// A token of the app `shop` with all scopes of apps.
    pub(crate) fn shop(&self) -> String {
        self.app("shop", "recommend events catalog consent rights")
    }

    /// A token of a person, for themselves.
    pub(crate) fn person(&self, id: &str) -> String {
        let tenant = TenantId::standard();
        let subject = SubjectRef::new(IdType::user_id(), UserId::parse(id).unwrap());
        self.token(
            &self.mint,
            Grant::Myself { tenant: &tenant, subject: &subject, guardian: None },
            3600,
        )
    }

    /// A token of `child`, for whom `guardian` acts.
    pub(crate) fn acting(&self, child: &str, guardian: &str) -> String {
        let (tenant, named) = (TenantId::standard(), |id| {
            SubjectRef::new(IdType::user_id(), UserId::parse(id).unwrap())
        });
        let (subject, guardian) = (named(child), named(guardian));
        let grant = Grant::Myself { tenant: &tenant, subject: &subject, guardian: Some(&guardian) };
        self.token(&self.mint, grant, 3600)
    }

    pub(crate) fn auditor(&self) -> String {
        let tenant = TenantId::standard();
        self.token(&self.mint, Grant::Auditor { name: "auditor", tenant: &tenant }, 3600)
    }

    /// A token of the shop with all scopes of apps, issued at `at` and good for an hour.
    pub(crate) fn shop_at(&self, at: Timestamp) -> String {
        let grant = Grant::App { id: &AppId::parse("shop").unwrap(), scopes: Scopes::APP };
        let token = self.mint.token(grant, at, Duration::from_secs(3600), &self.entropy);
        token.unwrap().expose().to_owned()
    }

    pub(crate) fn operator(&self) -> String {
        self.token(&self.mint, Grant::Operator { name: "oscar" }, 3600)
    }

    /// A token that ended an hour ago.
    pub(crate) fn expired(&self) -> String {
        let id = AppId::parse("shop").unwrap();
        let now = Timestamp::parse(NOON).unwrap().before(Duration::from_secs(7200));
        let grant = Grant::App { id: &id, scopes: Scopes::APP };
        let token = self.mint.token(grant, now, Duration::from_secs(3600), &self.entropy);
        token.unwrap().expose().to_owned()
    }

    /// A token of the shop, signed with a key that the gateway does not have.
    pub(crate) fn forged(&self) -> String {
        let id = AppId::parse("shop").unwrap();
        self.token(&self.stranger, Grant::App { id: &id, scopes: Scopes::APP }, 3600)
    }

    fn token(&self, mint: &Mint, grant: Grant<'_>, seconds: u64) -> String {
        let now = self.behind().gateway.now();
        let token = mint.token(grant, now, Duration::from_secs(seconds), &self.entropy);
        token.unwrap().expose().to_owned()
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    /// A call at the operator's door: as the owner of the data folder where it is a socket.
    pub(crate) fn operate(&self, method: &str, path: &str) -> Call {
        let to = match self.server.as_ref().unwrap().door() {
            Door::Unix(path) => To::Unix(path.clone()),
            Door::Tcp(address) => To::Tcp(*address),
        };
        Call::new(to, method, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }
}
