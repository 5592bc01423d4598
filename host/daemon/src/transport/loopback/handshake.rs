//! Who is at the other end: each side signs both keys and both challenges, with its role, so that no signature can be
//! used again or the other way round.

use coworker_core::PeerId;
use ed25519_dalek::{Signature, VerifyingKey};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::home::Identity;

const DOMAIN: &[u8] = b"coworker-host loopback v1\0";

/// Why a connection is nobody's.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the connection broke")]
    Broken(#[from] std::io::Error),
    #[error("the other side does not speak this protocol")]
    Foreign,
    #[error("the other side did not prove its key")]
    Unproved,
}

#[derive(Clone, Copy)]
enum Role {
    Caller = 1,
    Listener = 2,
}

/// One side's key and challenge, as sent.
struct Hello {
    key: [u8; 32],
    nonce: [u8; 32],
}

/// Proves ourselves to the host we called, and learns who it is.
pub(super) async fn open<R, W>(
    read: &mut R,
    write: &mut W,
    identity: &Identity,
) -> Result<PeerId, Refused>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mine = Hello {
        key: identity.public(),
        nonce: crate::clock::random(),
    };
    mine.send(write).await?;
    let theirs = Hello::receive(read).await?;
    write
        .write_all(&identity.sign(&statement(Role::Caller, &mine, &theirs)))
        .await?;
    check(read, &theirs, &statement(Role::Listener, &mine, &theirs)).await
}

/// Proves ourselves to a caller, and learns who it is. The caller proves itself first: a stranger gets no signature.
pub(super) async fn answer<R, W>(
    read: &mut R,
    write: &mut W,
    identity: &Identity,
) -> Result<PeerId, Refused>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let theirs = Hello::receive(read).await?;
    let mine = Hello {
        key: identity.public(),
        nonce: crate::clock::random(),
    };
    mine.send(write).await?;
    let peer = check(read, &theirs, &statement(Role::Caller, &theirs, &mine)).await?;
    write
        .write_all(&identity.sign(&statement(Role::Listener, &theirs, &mine)))
        .await?;
    Ok(peer)
}

fn statement(role: Role, caller: &Hello, listener: &Hello) -> Vec<u8> {
    [
        DOMAIN,
        &[role as u8],
        &caller.key,
        &listener.key,
        &caller.nonce,
        &listener.nonce,
    ]
    .concat()
}

async fn check<R: AsyncRead + Unpin>(
    read: &mut R,
    theirs: &Hello,
    statement: &[u8],
) -> Result<PeerId, Refused> {
    let mut signature = [0; 64];
    read.read_exact(&mut signature).await?;
    let key = VerifyingKey::from_bytes(&theirs.key).map_err(|_| Refused::Unproved)?;
    key.verify_strict(statement, &Signature::from_bytes(&signature))
        .map_err(|_| Refused::Unproved)?;
    Ok(crate::home::fingerprint(&theirs.key))
}

impl Hello {
    async fn send<W: AsyncWrite + Unpin>(&self, write: &mut W) -> Result<(), Refused> {
        write
            .write_all(&[DOMAIN, &self.key, &self.nonce].concat())
            .await?;
        Ok(())
    }

    async fn receive<R: AsyncRead + Unpin>(read: &mut R) -> Result<Self, Refused> {
        let mut domain = [0; DOMAIN.len()];
        read.read_exact(&mut domain).await?;
        if domain != *DOMAIN {
            return Err(Refused::Foreign);
        }
        let mut hello = Self {
            key: [0; 32],
            nonce: [0; 32],
        };
        read.read_exact(&mut hello.key).await?;
        read.read_exact(&mut hello.nonce).await?;
        Ok(hello)
    }
}
