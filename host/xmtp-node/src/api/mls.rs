//! `MlsApi`, all but the subscriptions themselves.

use std::sync::Arc;

use bytes::Bytes;
use tonic::Status;

use super::{Api, MOST_ASKED, refuse};
use crate::mls::{check_key_package, read_message};
use crate::proto::Empty;
use crate::proto::mls::{
    ASCENDING, BatchPublishCommitLogRequest, BatchQueryCommitLogRequest,
    BatchQueryCommitLogResponse, DESCENDING, FetchKeyPackagesRequest, FetchKeyPackagesResponse,
    GetNewestGroupMessageRequest, GetNewestGroupMessageResponse, GroupMessage, KeyPackage,
    NewestGroupMessage, QueryCommitLogResponse, QueryGroupMessagesResponse, QueryRequest,
    QueryWelcomeMessagesResponse, SendGroupMessagesRequest, SendWelcomeMessagesRequest,
    SubscribeFilter, UploadKeyPackageRequest, WelcomeInput, WelcomeMessage,
};
use crate::store::{Feed, NewGroupMessage, NewWelcome, Page};

/// Messages or welcomes in one request. A client adds members and sends what it queued in one; the bytes are bounded too.
const MOST_MESSAGES: usize = 1_000;
/// The network's own limits on the commit log.
const MOST_ENTRIES: usize = 10;
const MOST_ENTRY_QUERIES: usize = 20;
const LARGEST_ENTRY: usize = 16 * 1024;
/// Group ids have 16 bytes, installation keys 32.
const LONGEST_TOPIC: usize = 64;
/// A keyed hash that push servers use.
const LONGEST_HMAC: usize = 64;
/// A key package's key to seal with, the larger ones of hybrid suites included.
const LONGEST_HPKE_KEY: usize = 4 * 1024;

impl Api {
    pub(super) async fn upload_key_package(
        self: Arc<Self>,
        request: UploadKeyPackageRequest,
    ) -> Result<Empty, Status> {
        let package = request.key_package.unwrap_or_default().bytes;
        if package.len() > self.limits.key_package_bytes {
            return Err(Status::invalid_argument("the key package is too large"));
        }
        let checked = check_key_package(&package, (self.clock)()).map_err(malformed)?;
        self.store
            .put_key_package(checked, package)
            .await
            .map_err(refuse)?;
        Ok(Empty {})
    }

    pub(super) async fn fetch_key_packages(
        self: Arc<Self>,
        request: FetchKeyPackagesRequest,
    ) -> Result<FetchKeyPackagesResponse, Status> {
        at_most(request.installation_keys.len(), MOST_ASKED)?;
        let found = self
            .store
            .key_packages(request.installation_keys)
            .await
            .map_err(refuse)?;
        let key_packages = found
            .into_iter()
            .map(|package| KeyPackage {
                bytes: package.unwrap_or_default(),
            })
            .collect();
        Ok(FetchKeyPackagesResponse { key_packages })
    }

    pub(super) async fn send_group_messages(
        self: Arc<Self>,
        request: SendGroupMessagesRequest,
    ) -> Result<Empty, Status> {
        at_most(request.messages.len(), MOST_MESSAGES)?;
        let messages = request
            .messages
            .into_iter()
            .map(|message| {
                let v1 = message
                    .v1
                    .ok_or_else(|| Status::invalid_argument("not a message of version 1"))?;
                if v1.data.len() > self.limits.message_bytes || v1.sender_hmac.len() > LONGEST_HMAC
                {
                    return Err(Status::invalid_argument("the message is too large"));
                }
                let framed = read_message(&v1.data).map_err(malformed)?;
                Ok(NewGroupMessage {
                    group_id: v1.data.slice_ref(framed.group_id),
                    is_commit: framed.is_commit,
                    data: v1.data,
                    sender_hmac: v1.sender_hmac,
                    should_push: v1.should_push,
                })
            })
            .collect::<Result<Vec<_>, Status>>()?;
        self.store.send_group(messages).await.map_err(refuse)?;
        Ok(Empty {})
    }

    pub(super) async fn send_welcome_messages(
        self: Arc<Self>,
        request: SendWelcomeMessagesRequest,
    ) -> Result<Empty, Status> {
        at_most(request.messages.len(), MOST_MESSAGES)?;
        let welcomes = request
            .messages
            .into_iter()
            .map(|welcome| self.read_welcome(welcome))
            .collect::<Result<Vec<_>, Status>>()?;
        self.store.send_welcomes(welcomes).await.map_err(refuse)?;
        Ok(Empty {})
    }

    fn read_welcome(&self, welcome: WelcomeInput) -> Result<NewWelcome, Status> {
        let welcome = match (welcome.v1, welcome.pointer) {
            (Some(v1), None) => NewWelcome {
                installation: v1.installation_key,
                is_pointer: false,
                data: v1.data,
                hpke_key: v1.hpke_public_key,
                algorithm: v1.wrapper_algorithm,
                metadata: v1.welcome_metadata,
            },
            (None, Some(pointer)) => NewWelcome {
                installation: pointer.installation_key,
                is_pointer: true,
                data: pointer.welcome_pointer,
                hpke_key: pointer.hpke_public_key,
                algorithm: pointer.wrapper_algorithm,
                metadata: Bytes::new(),
            },
            _ => return Err(Status::invalid_argument("not one welcome or pointer")),
        };
        check_topic(&welcome.installation)?;
        if welcome.data.is_empty() {
            return Err(Status::invalid_argument("an empty welcome"));
        }
        if welcome.data.len() + welcome.metadata.len() > self.limits.welcome_bytes
            || welcome.hpke_key.len() > LONGEST_HPKE_KEY
        {
            return Err(Status::invalid_argument("the welcome is too large"));
        }
        Ok(welcome)
    }

    pub(super) async fn query_group_messages(
        self: Arc<Self>,
        request: QueryRequest,
    ) -> Result<QueryGroupMessagesResponse, Status> {
        check_topic(&request.topic)?;
        let page = Page::asked(request.paging.as_ref());
        let paged = self
            .store
            .page::<GroupMessage>(request.topic, page)
            .await
            .map_err(refuse)?;
        Ok(QueryGroupMessagesResponse {
            paging: Some(page.answer(&paged, Feed::id)),
            messages: paged.rows,
        })
    }

    pub(super) async fn query_welcome_messages(
        self: Arc<Self>,
        request: QueryRequest,
    ) -> Result<QueryWelcomeMessagesResponse, Status> {
        check_topic(&request.topic)?;
        let page = Page::asked(request.paging.as_ref());
        let paged = self
            .store
            .page::<WelcomeMessage>(request.topic, page)
            .await
            .map_err(refuse)?;
        Ok(QueryWelcomeMessagesResponse {
            paging: Some(page.answer(&paged, Feed::id)),
            messages: paged.rows,
        })
    }

    pub(super) async fn get_newest_group_message(
        self: Arc<Self>,
        request: GetNewestGroupMessageRequest,
    ) -> Result<GetNewestGroupMessageResponse, Status> {
        at_most(request.group_ids.len(), MOST_ASKED)?;
        let newest = self
            .store
            .newest(request.group_ids, request.include_content)
            .await
            .map_err(refuse)?;
        let responses = newest
            .into_iter()
            .map(|group_message| NewestGroupMessage { group_message })
            .collect();
        Ok(GetNewestGroupMessageResponse { responses })
    }

    pub(super) async fn batch_publish_commit_log(
        self: Arc<Self>,
        request: BatchPublishCommitLogRequest,
    ) -> Result<Empty, Status> {
        at_most(request.requests.len(), MOST_ENTRIES)?;
        for entry in &request.requests {
            check_topic(&entry.group_id)?;
            let size = entry.entry.len() + entry.signature.as_ref().map_or(0, Bytes::len);
            if entry.entry.is_empty() || size > LARGEST_ENTRY {
                return Err(Status::invalid_argument("an empty or too large entry"));
            }
        }
        self.store
            .append_commit_log(request.requests)
            .await
            .map_err(refuse)?;
        Ok(Empty {})
    }

    pub(super) async fn batch_query_commit_log(
        self: Arc<Self>,
        request: BatchQueryCommitLogRequest,
    ) -> Result<BatchQueryCommitLogResponse, Status> {
        at_most(request.requests.len(), MOST_ENTRY_QUERIES)?;
        let asked = request
            .requests
            .into_iter()
            .map(|QueryRequest { topic, paging }| {
                check_topic(&topic)?;
                let mut paging = paging.unwrap_or_default();
                if paging.direction == DESCENDING {
                    return Err(Status::invalid_argument(
                        "the commit log is read oldest first",
                    ));
                }
                paging.direction = ASCENDING;
                Ok((topic, Page::asked(Some(&paging))))
            })
            .collect::<Result<Vec<_>, Status>>()?;
        let found = self
            .store
            .commit_logs(asked.clone())
            .await
            .map_err(refuse)?;
        let responses = asked
            .into_iter()
            .zip(found)
            .map(|((group_id, page), paged)| QueryCommitLogResponse {
                group_id,
                paging: Some(page.answer(&paged, |entry| entry.sequence_id)),
                entries: paged.rows,
            })
            .collect();
        Ok(BatchQueryCommitLogResponse { responses })
    }
}

/// Checks what a subscriber asks for.
pub(super) fn check_filters(
    filters: &[SubscribeFilter],
    most: usize,
    may_be_empty: bool,
) -> Result<(), Status> {
    if filters.is_empty() && !may_be_empty {
        return Err(Status::invalid_argument("nothing to subscribe to"));
    }
    at_most(filters.len(), most)?;
    filters
        .iter()
        .try_for_each(|filter| check_topic(&filter.topic))
}

fn check_topic(topic: &[u8]) -> Result<(), Status> {
    if topic.is_empty() || topic.len() > LONGEST_TOPIC {
        return Err(Status::invalid_argument("a topic has 1 to 64 bytes"));
    }
    Ok(())
}

fn at_most(count: usize, most: usize) -> Result<(), Status> {
    if count > most {
        return Err(Status::invalid_argument(format!(
            "at most {most} in one request"
        )));
    }
    Ok(())
}

fn malformed(why: crate::mls::Malformed) -> Status {
    Status::invalid_argument(why.to_string())
}
