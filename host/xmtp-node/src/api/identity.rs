//! `IdentityApi`.

use std::sync::Arc;

use prost::Message;
use tonic::Status;

use super::codec::has_at_most;
use super::{Api, FIELDS, MOST_ASKED, refuse};
use crate::identity::{MOST_ACTIONS, check_update, is_address, is_inbox_id};
use crate::proto::Empty;
use crate::proto::identity::{
    GetIdentityUpdatesRequest, GetIdentityUpdatesResponse, GetInboxIdsRequest, GetInboxIdsResponse,
    IdentityUpdate, InboxIdResponse, InboxUpdates, KIND_ETHEREUM, KIND_UNSPECIFIED,
    PublishIdentityUpdateRequest,
};
use crate::store::StoreError;

/// How often an update is checked anew because another one of the same inbox came first.
const TRIES: usize = 4;

impl Api {
    pub(super) async fn publish_identity_update(
        self: Arc<Self>,
        request: PublishIdentityUpdateRequest,
    ) -> Result<Empty, Status> {
        let body = request
            .identity_update
            .ok_or_else(|| Status::invalid_argument("no identity update"))?;
        if body.len() > self.limits.identity_update_bytes {
            return Err(Status::invalid_argument("the identity update is too large"));
        }
        if !has_at_most(&body, MOST_ACTIONS + FIELDS) {
            return Err(Status::invalid_argument("too many actions"));
        }
        let update = IdentityUpdate::decode(body.clone())
            .map_err(|_| Status::invalid_argument("not an identity update"))?;
        if !is_inbox_id(&update.inbox_id) {
            return Err(Status::invalid_argument("not an inbox id"));
        }
        for _ in 0..TRIES {
            let log = self
                .store
                .inbox_logs(vec![(update.inbox_id.clone(), 0)])
                .await
                .map_err(refuse)?
                .pop()
                .unwrap_or_default();
            let last = log.last().map_or(0, |entry| entry.sequence_id);
            let log = log
                .into_iter()
                .map(|entry| IdentityUpdate::decode(entry.update))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| Status::internal("a stored update cannot be read"))?;
            let checked = {
                let _turn = self.checks.acquire().await;
                let update = update.clone();
                tokio::task::spawn_blocking(move || check_update(&log, &update)).await
            };
            let change = checked
                .map_err(|_| Status::internal("an update could not be checked"))?
                .map_err(|why| Status::invalid_argument(why.to_string()))?;
            let appended = self
                .store
                .append_update(update.inbox_id.clone(), last, body.clone(), change)
                .await;
            match appended {
                Err(StoreError::Moved) => {}
                other => return other.map(|()| Empty {}).map_err(refuse),
            }
        }
        Err(refuse(StoreError::Moved))
    }

    pub(super) async fn get_identity_updates(
        self: Arc<Self>,
        request: GetIdentityUpdatesRequest,
    ) -> Result<GetIdentityUpdatesResponse, Status> {
        if request.requests.len() > MOST_ASKED {
            return Err(Status::invalid_argument("too many inboxes in one request"));
        }
        let asked: Vec<_> = request
            .requests
            .into_iter()
            .map(|filter| (filter.inbox_id, filter.sequence_id))
            .collect();
        let logs = self.store.inbox_logs(asked.clone()).await.map_err(refuse)?;
        let responses = asked
            .into_iter()
            .zip(logs)
            .map(|((inbox_id, _), updates)| InboxUpdates { inbox_id, updates })
            .collect();
        Ok(GetIdentityUpdatesResponse { responses })
    }

    pub(super) async fn get_inbox_ids(
        self: Arc<Self>,
        request: GetInboxIdsRequest,
    ) -> Result<GetInboxIdsResponse, Status> {
        if request.requests.len() > MOST_ASKED {
            return Err(Status::invalid_argument(
                "too many addresses in one request",
            ));
        }
        let addresses = request
            .requests
            .iter()
            .map(|asked| {
                // A passkey, or anything else that is no address, has no inbox here.
                let kind = matches!(asked.identifier_kind, KIND_UNSPECIFIED | KIND_ETHEREUM);
                let address = asked.identifier.to_ascii_lowercase();
                if kind && is_address(&address) {
                    address
                } else {
                    String::new()
                }
            })
            .collect();
        let inboxes = self.store.inboxes_of(addresses).await.map_err(refuse)?;
        let responses = request
            .requests
            .into_iter()
            .zip(inboxes)
            .map(|(asked, inbox_id)| InboxIdResponse {
                identifier: asked.identifier,
                inbox_id,
                identifier_kind: asked.identifier_kind,
            })
            .collect();
        Ok(GetInboxIdsResponse { responses })
    }
}
