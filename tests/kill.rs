//! What was acknowledged stands after the process is killed, at whatever moment that happens.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot start the program must fail"
)]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use support::{
    actors::{RECOMMEND, ids},
    client::{Answer, Call, To},
    wiring::fresh_folder,
};

const ROUNDS: usize = 5;

/// How many acts are under way when the process is killed.
const AT_ONCE: usize = 6;

/// The demo as a process of its own, killed with it.
struct Demo {
    process: Child,
    facts: Value,
}

/// One act on a consent, and the state it leads to.
#[derive(Clone)]
struct Act {
    id: String,
    body: Value,
    state: &'static str,
}

impl Demo {
    fn start(folder: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_consentry"))
            .args(["demo", "--json", "--port", "0", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { process, facts: serde_json::from_str(&line).unwrap() }
    }

    /// SIGKILL: the process has no say in how it ends.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn call(&self, method: &str, path: &str) -> Call {
        let address = self.facts["url"].as_str().unwrap().strip_prefix("http://").unwrap();
        let address: SocketAddr = address.parse().unwrap();
        Call::new(address, method, path).token(self.facts["app_token"].as_str().unwrap())
    }

    /// A call at the operator's door.
    async fn operates(&self, method: &str, what: &str, body: Option<Value>) -> Value {
        let door = Path::new(self.facts["data_dir"].as_str().unwrap()).join("store/operator.sock");
        let call = Call::new(To::Unix(door), method, &format!("/v1/operate/{what}"));
        let call = body.iter().fold(call, Call::json);
        let answer = call.send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    async fn asks(&self, path: &str, body: &Value) -> Value {
        let answer = self.call("POST", path).json(body).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// The people who have consented to recommendations, by id.
    fn consenting(&self) -> Vec<String> {
        let given = |person: &&Value| {
            let consents = person["consents"].as_array().unwrap();
            consents.iter().any(|c| c["purpose"] == RECOMMEND && c["state"] == "given")
        };
        let people = self.facts["people"].as_array().unwrap().iter().filter(given);
        people.map(|person| person["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Acts of as many different people, every other one a withdrawal.
    async fn plan(&self, round: usize) -> Vec<Act> {
        let shown = self.call("GET", "/v1/purposes").send().await.json();
        let purposes = shown["purposes"].as_array().unwrap();
        let purpose = purposes.iter().find(|purpose| purpose["id"] == RECOMMEND).unwrap();
        let consenting = self.consenting();
        let act = |number: usize| {
            let withdraws = number.is_multiple_of(2);
            let id = if withdraws {
                consenting[number].clone()
            } else {
                format!("newcomer-{round}-{number}")
            };
            let mut body = json!({"subject": {"id": id}, "purpose": RECOMMEND, "method": "app"});
            body["action"] = json!(if withdraws { "withdraw" } else { "give" });
            body["notice"]["snapshot"] = purpose["notice"]["snapshot"].clone();
            Act { id, body, state: if withdraws { "withdrawn" } else { "given" } }
        };
        (0..AT_ONCE).map(act).collect()
    }

    /// Sets off the acts of `plan` together and kills the process at the first acknowledgement. Returns those that
    /// were acknowledged.
    async fn dies_at_the_first_word(&mut self, plan: Vec<Act>) -> Vec<Act> {
        let mut acts = JoinSet::new();
        for act in plan {
            let call = self.call("POST", "/v1/consents").json(&act.body);
            acts.spawn(async move { (act, call.try_send().await) });
        }
        let mut acknowledged = Vec::new();
        while let Some(done) = acts.join_next().await {
            let Ok((act, Ok(Answer { status, body, .. }))) = done else { continue };
            if acknowledged.is_empty() {
                self.kill();
            }
            assert_eq!(status, 201, "{body}");
            acknowledged.push(act);
        }
        acknowledged
    }

    /// Every one of `acts` stands, and who withdrew is shown a list for everybody.
    async fn upholds(&self, acts: &[Act]) {
        for Act { id, state, .. } in acts {
            let subject = json!({"id": id});
            let told = self.asks("/v1/consents/query", &json!({"subject": subject})).await;
            let purposes = told["purposes"].as_array().unwrap();
            let stands = purposes.iter().find(|purpose| purpose["id"] == RECOMMEND).unwrap();
            assert_eq!(stands["state"], *state, "an acknowledged act is gone");
            let call = json!({"subject": subject, "purpose": RECOMMEND});
            let answer = self.asks("/v1/recommendations", &call).await;
            let tier = if *state == "given" { "individual" } else { "none" };
            assert_eq!((&answer["tier"], ids(&answer).len()), (&json!(tier), 10), "{answer}");
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may be dead already, which is all that is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn an_acknowledged_switch_and_revocation_survive_kill_9() {
    let folder = fresh_folder();
    let mut demo = Demo::start(&folder);
    let person = demo.consenting().swap_remove(0);
    let ask = json!({"subject": {"id": person}, "purpose": RECOMMEND});
    assert_eq!(demo.asks("/v1/recommendations", &ask).await["tier"], "individual");
    let recipients = demo.operates("get", "switches", None).await;
    let switches = recipients["switches"].as_array().unwrap();
    let model = switches.iter().find(|switch| switch["kind"] == "recipient").unwrap();
    let off = json!({"kind": "recipient", "name": model["name"], "state": "off"});
    let auditor = demo.facts["auditor_token"].clone();
    demo.operates("post", "tokens", Some(json!({"token": auditor}))).await;
    demo.operates("post", "switches", Some(off)).await;
    demo.kill();

    let demo = Demo::start(&folder);

    let answer = demo.asks("/v1/recommendations", &ask).await;
    assert_eq!(answer["decision"]["fault"], "recipient_off", "{answer}");
    assert_eq!((&answer["tier"], ids(&answer).len()), (&json!("none"), 10));
    let refused = demo.call("GET", "/v1/purposes");
    let refused = refused.instead(auditor.as_str().unwrap()).send().await;
    assert_eq!((refused.status.as_u16(), &refused.json()["reason"]), (401, &json!("revoked")));
    drop(demo);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_retry_after_kill_9_is_told_what_the_first_call_was_told() {
    let folder = fresh_folder();
    let mut demo = Demo::start(&folder);
    let Act { id, body, state } = demo.plan(0).await.swap_remove(1);
    let keyed = |demo: &Demo| {
        let call = demo.call("POST", "/v1/consents").json(&body);
        call.header("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
    };
    let first = keyed(&demo).send().await;
    assert_eq!((first.status.as_u16(), state), (201, "given"), "{}", first.body);
    demo.kill();

    let demo = Demo::start(&folder);
    let rows = demo.operates("get", "status", None).await["log_rows"].clone();
    let again = keyed(&demo).send().await;

    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let after = demo.operates("get", "status", None).await;
    assert_eq!(after["log_rows"], rows, "the retry has a row of its own");
    let withdraw =
        json!({"subject": {"id": id}, "purpose": RECOMMEND, "method": "app", "action": "withdraw"});
    let withdrawn = demo.call("POST", "/v1/consents").json(&withdraw).send().await;
    assert_eq!(withdrawn.json()["epoch"], 2, "one act came before: {}", withdrawn.body);
    drop(demo);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn acknowledged_acts_survive_kill_9() {
    let folder = fresh_folder();
    let mut stood = Vec::new();
    for round in 0..ROUNDS {
        let mut demo = Demo::start(&folder);
        demo.upholds(&stood).await;
        let mut plan = demo.plan(round).await;
        if round == 0 {
            // A withdrawal alone, so that there is one that was acknowledged.
            plan.truncate(1);
        }
        let acknowledged = demo.dies_at_the_first_word(plan).await;
        assert!(!acknowledged.is_empty(), "nothing was acknowledged");
        stood.extend(acknowledged);
    }
    Demo::start(&folder).upholds(&stood).await;
    assert_eq!(stood[0].state, "withdrawn");
    fs::remove_dir_all(folder).unwrap();
}
