//! How the host is and what happened, for the owner alone.

use std::sync::atomic::Ordering;

use coworker_core::budget::Cost;
use coworker_core::{Span, TaskId, Timestamp};
use serde_json::{Value, json};

use super::Host;
use crate::clock;
use crate::config::Transport;
use crate::control::protocol::UsageBy;
use crate::report::Failure;
use crate::store::{self, Allowed, PoisonRow, TaskRow, UsageRow, UsageSum};
use crate::transport::xmtp::{Network, SidecarFolder, State, examine};

/// How many rows `logs` shows when the owner does not say.
const ROWS: u32 = 50;

impl Host {
    pub(super) async fn status(&self) -> Result<Value, Failure> {
        let mut skills = serde_json::Map::new();
        for row in self.skills.list().await {
            let state = serde_json::to_value(row.state).ok();
            let state = state
                .as_ref()
                .and_then(Value::as_str)
                .unwrap_or("unknown")
                .to_owned();
            let count = skills.get(&state).and_then(Value::as_u64).unwrap_or(0);
            skills.insert(state, (count + 1).into());
        }
        let (queued, running) = self.lines().load();
        // A store in trouble must not keep its owner from hearing of it: what cannot be read is not known.
        let waiting = self.store.pending().await.map(|waiting| waiting.count);
        let barred = self.guards.rows().await.map(|(barred, _)| barred.len());
        let requests = self.store.trust_requests().await.map(|rows| rows.len());
        Ok(json!({
            "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id(), "home": self.home.root(), "name": self.name,
            "peer": self.me, "transport": crate::transport::name(self.me.scheme()), "invite": self.invite(), "ready_at": self.started,
            "skills": skills, "tasks": { "queued": queued, "running": running },
            "outbox": { "waiting": waiting.ok() }, "store": self.store_value(), "peers": self.trust.rows().len(),
            "trust_requests": requests.ok(), "turned_away": self.turned_away(),
            "poison": self.poison_value().await.ok(),
            "models": self.models.rows(), "barred": barred.ok(), "xmtp": self.network.as_ref().map(Network::status), "node": self.node(),
        }))
    }

    /// Serves again although another program answered as this host.
    pub(super) fn bridge_resume(&self) -> Result<Value, Failure> {
        let resumed = match &self.network {
            Some(network) => network.resume()?,
            None => false,
        };
        if resumed {
            tracing::warn!(
                "serving again by the owner's word, though another program answered as this host"
            );
        }
        self.wake.notify_one();
        Ok(json!({ "resumed": resumed }))
    }

    fn turned_away(&self) -> Value {
        let mut value = self.counters.value();
        if let Some(value) = value.as_object_mut() {
            let refused = self.poison.refused.load(Ordering::Relaxed);
            value.insert("poison".to_owned(), refused.into());
        }
        value
    }

    /// Returns what the host died of.
    async fn poison_value(&self) -> Result<Value, Failure> {
        let rows = self.store.poison().await?;
        let value = rows.iter().map(|row| {
            json!({
                "peer": row.peer, "name": self.trust.row(&row.peer).and_then(|row| row.name), "message": row.message, "task": row.task,
                "stage": row.stage, "deaths": row.deaths, "at": row.at, "refused": row.is_refused(),
            })
        });
        Ok(value.collect())
    }

    /// Returns whose the node of this user is, where it is the network.
    fn node(&self) -> Option<Value> {
        let url = self.network.as_ref()?.status().url?;
        let owner = crate::local_node::data_folder()
            .ok()
            .and_then(|data| crate::local_node::owner(&data));
        let owner = owner.filter(|owner| url.ends_with(&owner.address.to_string()));
        Some(json!({
            "url": url, "pid": owner.as_ref().map(|owner| owner.pid),
            "ours": owner.is_some_and(|owner| owner.pid == std::process::id()),
        }))
    }

    pub(super) async fn usage(&self, by: UsageBy, since: Option<Span>) -> Result<Value, Failure> {
        let by = match by {
            UsageBy::Peer => store::UsageBy::Peer,
            UsageBy::Skill => store::UsageBy::Skill,
            UsageBy::Day => store::UsageBy::Day,
        };
        let now = clock::now().0;
        let since = since.map_or(0, |span| {
            now.saturating_sub(i64::try_from(span.0.as_micros()).unwrap_or(i64::MAX))
        });
        Ok(self
            .store
            .usage(by, Timestamp(since))
            .await?
            .iter()
            .map(usage_value)
            .collect())
    }

    pub(super) async fn logs(
        &self,
        task: Option<TaskId>,
        limit: Option<u32>,
    ) -> Result<Value, Failure> {
        let Some(task) = task else {
            let rows = self.store.tasks(limit.unwrap_or(ROWS) as usize).await?;
            return Ok(rows.iter().map(|row| self.task_value(row)).collect());
        };
        let row = self.store.task(task).await?.ok_or_else(|| {
            Failure::failed(format!("there is no task {task}"))
                .hint("run `coworker-host logs` to see the latest; old ones are forgotten as `[retention]` says")
        })?;
        let reply = self.store.answer(task).await?;
        let reply = reply.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let log = self.store.logs(task).await?;
        let mut value = self.task_value(&row);
        if let Some(value) = value.as_object_mut() {
            let used = row.usage.as_ref().map(used_value);
            let measured = row.usage.as_ref().and_then(|used| used.measured.as_ref());
            let limits = measured.map(|measured| limits_value(&measured.limits));
            // That of then: today the peer may have another.
            value.insert("tier".to_owned(), json!(row.tier));
            value.insert("decision".to_owned(), json!(decision(&row)));
            value.insert("digest".to_owned(), json!(row.digest));
            let version = row.usage.as_ref().and_then(|used| used.version.as_ref());
            value.insert("version".to_owned(), json!(version));
            value.insert("attempts".to_owned(), json!(row.attempt));
            value.insert("used".to_owned(), json!(used));
            value.insert("limits".to_owned(), json!(limits));
            value.insert(
                "reply".to_owned(),
                reply
                    .and_then(|mut reply| reply.get_mut("payload").map(Value::take))
                    .into(),
            );
            value.insert("log".to_owned(), json!(log));
        }
        Ok(value)
    }

    pub(super) async fn probes(&self) -> Result<Value, Failure> {
        let mut rows = Vec::new();
        for probe in self.store.probes().await? {
            let sight = self.sight(&probe.peer, clock::now());
            let known = self.trust.row(&probe.peer);
            rows.push(json!({
                "peer": probe.peer, "name": known.as_ref().and_then(|row| row.name.clone()),
                "claimed_name": known.and_then(|row| row.claimed_name), "skill": probe.name, "tries": probe.times,
                "last_at": probe.last, "class": self.skills.classify(&probe.name, &sight).await,
            }));
        }
        Ok(rows.into())
    }

    pub(super) async fn doctor(&self) -> Result<Value, Failure> {
        let mut checks = vec![
            check(
                "home",
                true,
                format!("{} is yours alone", self.home.root().display()),
                None,
            ),
            self.check_store().await,
        ];
        checks.extend(self.check_disk());
        for row in self.skills.list().await {
            if let Some(reason) = row
                .reason
                .as_deref()
                .filter(|_| row.state.needs_attention())
            {
                let hint = format!(
                    "run `coworker-host skills inspect {}`",
                    row.name.as_deref().unwrap_or(&row.file)
                );
                checks.push(check(
                    "skill",
                    false,
                    format!("{}: {reason}", row.file),
                    Some(hint),
                ));
            }
            // What an author should look at is nothing that is wrong with a home.
            for warning in &row.warnings {
                let hint = "run `coworker-host wrap` on it to see what peers would see";
                let detail = format!("{}: {warning}", row.file);
                checks.push(check("skill", true, detail, Some(hint.to_owned())));
            }
        }
        for row in self.models.rows() {
            let model = row.model.as_deref().unwrap_or("no model");
            let hint = format!("see [llm.{}] in config.toml", row.name);
            let (detail, hint) = match &row.missing {
                Some(why) => (format!("{}: {why}", row.name), Some(hint)),
                None => (format!("{}: {model}, {}", row.name, row.key), None),
            };
            checks.push(check("model", row.missing.is_none(), detail, hint));
            if self.config.budget.bounds_cost() && !row.priced {
                let detail = format!("the costs of {} are not counted", row.name);
                let hint = format!("give price_in and price_out under [llm.{}]", row.name);
                checks.push(check("budget", false, detail, Some(hint)));
            }
        }
        for (digest, deaths) in self.store.quarantined(3).await.unwrap_or_default() {
            checks.push(check(
                "quarantine",
                false,
                format!(
                    "{} was running at {deaths} deaths of the host",
                    digest.short()
                ),
                Some(
                    "replace the component, or expose it again to give it another chance"
                        .to_owned(),
                ),
            ));
        }
        for row in self.store.poison().await.unwrap_or_default() {
            checks.push(poison_check(&row));
        }
        if let Some(network) = &self.network {
            let status = network.status();
            let mut detail = match &status.why {
                Some(why) => format!("{}: {}: {why}", status.env, status.state.words()),
                None => format!("{}: {}", status.env, status.state.words()),
            };
            let passed_over = status.passed_over.count();
            if passed_over > 0 {
                detail.push_str(&format!(
                    "; {passed_over} messages could not be read and were passed over"
                ));
            }
            let is_well = status.state == State::Ready && !status.twin;
            checks.push(check("xmtp", is_well, detail, status.hint));
            if status.unread > 0 {
                let detail = format!("{} conversations cannot be read", status.unread);
                let hint =
                    "they are tried again; the sidecar's log in the home says why".to_owned();
                checks.push(check("xmtp mail", false, detail, Some(hint)));
            }
        }
        // Also where no network is open because something of this is missing.
        if self.config.transport() == Transport::Xmtp {
            let config = &self.config.xmtp;
            let sidecar = SidecarFolder::locate(&self.home, config.sidecar().as_deref());
            let named = config.node_program();
            for found in examine(&self.home, &sidecar, named.as_deref()).await {
                checks.push(check(found.what, found.is_well, found.detail, found.hint));
            }
        }
        // Where this cannot be read, the check of the store says why.
        if let Ok(waiting) = self.store.pending().await {
            let detail = format!("{} messages wait for their peers", waiting.count);
            checks.push(check("outbox", true, detail, None));
        }
        Ok(checks.into())
    }

    fn task_value(&self, row: &TaskRow) -> Value {
        let took = row
            .finished
            .map(|at| at.since(row.received).as_secs_f64() * 1_000.0);
        json!({
            "task": row.task, "received_at": row.received, "peer": row.peer,
            "name": self.trust.row(&row.peer).and_then(|row| row.name), "kind": row.kind, "skill": row.skill,
            "state": row.state, "outcome": row.outcome, "took_ms": took,
        })
    }
}

/// Returns what a run used. What models cost is there only where some were asked.
fn used_value(used: &UsageRow) -> Value {
    let mut value = json!({
        "cpu_ms": millis(used.cpu), "wall_ms": millis(used.wall), "memory_peak_bytes": used.memory_peak.0,
        "host_calls": used.host_calls, "model_calls": used.model_calls,
    });
    if let (Some(value), Some(measured)) = (value.as_object_mut(), &used.measured) {
        value.insert("host_bytes".to_owned(), json!(measured.host_bytes.0));
        value.insert("output_bytes".to_owned(), json!(measured.output.0));
        value.insert("log_lines".to_owned(), json!(measured.log_lines));
    }
    if let (Some(value), true) = (value.as_object_mut(), used.model_calls > 0) {
        value.insert("tokens_in".to_owned(), json!(used.tokens_in));
        value.insert("tokens_out".to_owned(), json!(used.tokens_out));
        value.insert("cost".to_owned(), json!(used.cost.map(Cost::value)));
        value.insert("model".to_owned(), json!(used.model));
    }
    value
}

/// Returns what a run might have used, under the same keys as what it used.
fn limits_value(limits: &Allowed) -> Value {
    json!({
        "cpu_ms": millis(limits.cpu), "wall_ms": millis(limits.wall), "memory_peak_bytes": limits.memory.0,
        "host_calls": limits.host_calls, "model_calls": limits.model_calls, "host_bytes": limits.host_bytes.0,
        "output_bytes": limits.output.0, "log_lines": limits.log_lines,
    })
}

pub(super) fn usage_value(sum: &UsageSum) -> Value {
    json!({
        "key": sum.key, "calls": sum.calls, "failed": sum.failed, "cpu_ms": millis(sum.cpu), "wall_ms": millis(sum.wall),
        "input_bytes": sum.bytes_in.0, "output_bytes": sum.bytes_out.0, "host_calls": sum.host_calls,
        "model_calls": sum.model_calls, "tokens_in": sum.tokens_in, "tokens_out": sum.tokens_out,
        "cost": sum.cost.map(Cost::value), "unpriced": sum.unpriced,
    })
}

/// Returns why a task ended as it did, in a sentence for the owner.
fn decision(row: &TaskRow) -> &'static str {
    match row.outcome.as_deref() {
        None => "it waits for its turn or runs",
        Some("OK") => "it passed the gate and was answered",
        Some("UNKNOWN_SKILL") => "the peer does not see such a skill, and heard that there is none",
        Some("VERSION_MISMATCH") => "the peer asked for another version",
        Some("INVALID_INPUT") => "the input does not fit the skill's schema",
        Some("OUTPUT_REJECTED") => {
            "the output does not fit the skill's schema, is too large, or is held back"
        }
        Some("TIMEOUT") => "the skill took too long",
        Some("EXECUTION_FAILED") => "the skill failed; its log says how",
        Some("INTERRUPTED") => "the host stopped while it ran, and it could not be run again",
        Some("BUSY") => {
            "its time had passed before its turn came, or a budget was used up; its log says which"
        }
        Some("CANCELLED") => "the owner revoked the peer",
        Some("TRUST") => "the peer asked for trust",
        Some(_) => "it was answered",
    }
}

pub(super) fn check(name: &str, ok: bool, detail: String, hint: Option<String>) -> Value {
    json!({ "check": name, "ok": ok, "detail": detail, "hint": hint })
}

/// Returns what doctor says of a message that the host was handling when it died.
fn poison_check(row: &PoisonRow) -> Value {
    let (peer, message, stage) = (&row.peer, &row.message, &row.stage);
    let (detail, hint) = if row.is_refused() {
        (
            format!(
                "the host died {} times while it tried to {stage} the message {message} of {peer}; it is not handled any more",
                row.deaths
            ),
            format!(
                "report it with the host's log, and run `coworker-host trust revoke {peer}` if it was meant"
            ),
        )
    } else {
        (
            format!("the host died while it tried to {stage} the message {message} of {peer}"),
            "nothing has to be done: if the message comes again, it is handled alone, and not a third time".to_owned(),
        )
    };
    check("poison", false, detail, Some(hint))
}

fn millis(span: Span) -> f64 {
    span.0.as_secs_f64() * 1_000.0
}
