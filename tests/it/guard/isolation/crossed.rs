//! Everything that crosses a guest's imports, in both directions, written down on its way.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use coworker_core::{HttpGrant, TaskId};
use coworker_host::models::Models;
use coworker_sandbox::{
    HttpPort, HttpRequest, HttpResponse, LlmAsk, LlmError, LlmPort, LlmReply, LlmStream, PortError,
    Ports, StateArea, StatePort, StateUse,
};
use futures::StreamExt;

/// Every text that crosses a port, in both directions.
#[derive(Clone, Default)]
pub(super) struct Crossed(Arc<Mutex<Vec<String>>>);

impl Crossed {
    /// Returns ports that answer like a host's, and note what crosses them. The models may be others at each call.
    pub(super) fn ports(&self, models: Arc<Mutex<Option<Models>>>) -> Ports {
        Ports {
            llm: Some(Arc::new(Heard {
                models,
                crossed: self.clone(),
            })),
            state: Some(Arc::new(Forgetful(self.clone()))),
            http: Some(Arc::new(Open(self.clone()))),
        }
    }

    /// Returns all that crossed since this was asked last.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("alive"))
    }

    fn note(&self, text: impl Into<String>) {
        self.0.lock().expect("alive").push(text.into());
    }
}

/// Models, and what they are asked and say once the guard has looked at it.
struct Heard {
    models: Arc<Mutex<Option<Models>>>,
    crossed: Crossed,
}

impl Heard {
    fn models(&self) -> Models {
        let models = self.models.lock().expect("alive").clone();
        models.expect("a call is under way")
    }
}

#[async_trait]
impl LlmPort for Heard {
    async fn complete(&self, ask: LlmAsk) -> Result<LlmReply, LlmError> {
        self.crossed.note(format!("{ask:?}"));
        let reply = self.models().complete(ask).await;
        // The guest waits for a moment, as it does for a model that takes its time.
        tokio::task::yield_now().await;
        match &reply {
            Ok(reply) => self.crossed.note(reply.text.clone()),
            Err(error) => self.crossed.note(error.to_string()),
        }
        reply
    }

    async fn open(&self, ask: LlmAsk) -> Result<LlmStream, LlmError> {
        self.crossed.note(format!("{ask:?}"));
        let crossed = self.crossed.clone();
        let pieces = self.models().open(ask).await?;
        let pieces = pieces.inspect(move |piece| match piece {
            Ok(piece) => crossed.note(piece.clone()),
            Err(error) => crossed.note(error.to_string()),
        });
        Ok(pieces.boxed())
    }
}

/// A memory that forgets, and writes down what it is asked.
struct Forgetful(Crossed);

#[async_trait]
impl StatePort for Forgetful {
    async fn get(&self, _: &StateArea, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        self.0.note(key);
        Ok(None)
    }

    async fn list(
        &self,
        _: &StateArea,
        prefix: &str,
        _: u32,
    ) -> Result<Vec<(String, u64)>, PortError> {
        self.0.note(prefix);
        Ok(Vec::new())
    }

    async fn used(&self, _: &StateArea) -> Result<StateUse, PortError> {
        Ok(StateUse::default())
    }
}

/// A network that takes everything, and writes it down.
struct Open(Crossed);

#[async_trait]
impl HttpPort for Open {
    async fn send(
        &self,
        _: &HttpGrant,
        _: TaskId,
        request: HttpRequest,
    ) -> Result<HttpResponse, PortError> {
        let (head, body) = (format!("{request:?}"), request.body);
        self.0.note(head);
        self.0.note(String::from_utf8_lossy(&body));
        Ok(HttpResponse::default())
    }
}
