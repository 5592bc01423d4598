//! Puts WASI into a linker, and in front of what moves bytes our own functions that count them: WASI itself limits
//! only what one call of a function carries, not what all of them carry together.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::bindings::filesystem::types as fs;
use wasmtime_wasi::p2::bindings::io::streams::{
    Host as _, HostInputStream as _, HostOutputStream as _, StreamError as Failed,
};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, StreamResult};

use crate::error::Which;
use crate::room::{HasRoom, Room};

/// The version that the bindings offer; an import of any 0.2 links against it.
const STREAMS: &str = "wasi:io/streams@0.2.12";
const FILES: &str = "wasi:filesystem/types@0.2.12";

type In = Resource<DynInputStream>;
type Out = Resource<DynOutputStream>;
type File = Resource<fs::Descriptor>;
type Moved<T> = wasmtime::Result<(Result<T, Failed>,)>;
type Filed<T> = wasmtime::Result<(Result<T, fs::ErrorCode>,)>;

/// Adds WASI 0.2 and outgoing HTTP.
pub(crate) fn add_to_linker(linker: &mut Linker<Room>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    random::add_to_linker::<Room, HasRoom>(linker, |room| room)?;
    insecure::add_to_linker::<Room, HasRoom>(linker, |room| room)?;
    insecure_seed::add_to_linker::<Room, HasRoom>(linker, |room| room)?;
    count_input(linker)?;
    count_output(linker)?;
    count_files(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn count_input(linker: &mut Linker<Room>) -> wasmtime::Result<()> {
    let mut streams = linker.instance(STREAMS)?;
    streams.func_wrap(
        "[method]input-stream.read",
        |mut store: StoreContextMut<'_, Room>, (stream, len): (In, u64)| -> Moved<Vec<u8>> {
            let room = store.data_mut();
            let len = room.may_read(len)?;
            let got = room.table.read(stream, len);
            room.received(got)
        },
    )?;
    streams.func_wrap_async(
        "[method]input-stream.blocking-read",
        |mut store: StoreContextMut<'_, Room>, (stream, len): (In, u64)| {
            Box::new(async move {
                let room = store.data_mut();
                let len = room.may_read(len)?;
                let got = room.table.blocking_read(stream, len).await;
                room.received(got)
            })
        },
    )
}

fn count_output(linker: &mut Linker<Room>) -> wasmtime::Result<()> {
    let mut streams = linker.instance(STREAMS)?;
    streams.func_wrap(
        "[method]output-stream.write",
        |mut store: StoreContextMut<'_, Room>, (stream, bytes): (Out, Vec<u8>)| -> Moved<()> {
            let room = store.data_mut();
            room.enter(bytes.len())?;
            let sent = room.table.write(stream, bytes);
            room.sent(sent)
        },
    )?;
    streams.func_wrap_async(
        "[method]output-stream.blocking-write-and-flush",
        |mut store: StoreContextMut<'_, Room>, (stream, bytes): (Out, Vec<u8>)| {
            Box::new(async move {
                let room = store.data_mut();
                room.enter(bytes.len())?;
                let sent = room.table.blocking_write_and_flush(stream, bytes).await;
                room.sent(sent)
            })
        },
    )?;
    streams.func_wrap(
        "[method]output-stream.write-zeroes",
        |mut store: StoreContextMut<'_, Room>, (stream, len): (Out, u64)| -> Moved<()> {
            let room = store.data_mut();
            room.enter(usize::try_from(len).unwrap_or(usize::MAX))?;
            let sent = room.table.write_zeroes(stream, len);
            room.sent(sent)
        },
    )?;
    streams.func_wrap_async(
        "[method]output-stream.blocking-write-zeroes-and-flush",
        |mut store: StoreContextMut<'_, Room>, (stream, len): (Out, u64)| {
            Box::new(async move {
                let room = store.data_mut();
                room.enter(usize::try_from(len).unwrap_or(usize::MAX))?;
                let sent = room
                    .table
                    .blocking_write_zeroes_and_flush(stream, len)
                    .await;
                room.sent(sent)
            })
        },
    )
}

fn count_files(linker: &mut Linker<Room>) -> wasmtime::Result<()> {
    let mut files = linker.instance(FILES)?;
    files.func_wrap_async(
        "[method]descriptor.read",
        |mut store: StoreContextMut<'_, Room>, (file, len, offset): (File, u64, u64)| {
            Box::new(async move {
                let room = store.data_mut();
                let len = room.may_carry(len)?;
                let mut view = room.filesystem();
                match fs::HostDescriptor::read(&mut view, file, len, offset).await {
                    Ok((bytes, end)) => {
                        room.carry(bytes.len())?;
                        Ok((Ok((bytes, end)),))
                    }
                    Err(error) => room.filed(error),
                }
            })
        },
    )?;
    files.func_wrap_async(
        "[method]descriptor.write",
        |mut store: StoreContextMut<'_, Room>, (file, bytes, offset): (File, Vec<u8>, u64)| {
            Box::new(async move {
                let room = store.data_mut();
                room.carry(bytes.len())?;
                let mut view = room.filesystem();
                match fs::HostDescriptor::write(&mut view, file, bytes, offset).await {
                    Ok(written) => Ok((Ok(written),)),
                    Err(error) => room.filed(error),
                }
            })
        },
    )
}

impl Room {
    /// Counts a call that reads, and returns how much it may read.
    fn may_read(&mut self, len: u64) -> wasmtime::Result<u64> {
        self.enter(0)?;
        self.may_carry(len)
    }

    /// Returns how much of what is asked for may still be read.
    fn may_carry(&mut self, len: u64) -> wasmtime::Result<u64> {
        match self.bytes_left() {
            // Nothing at all would look like a stream that is slow, for ever.
            0 if len > 0 => Err(self.fail(Which::HostBytes)),
            left => Ok(len.min(left)),
        }
    }

    fn received(&mut self, got: StreamResult<Vec<u8>>) -> Moved<Vec<u8>> {
        match got {
            Ok(bytes) => {
                self.carry(bytes.len())?;
                Ok((Ok(bytes),))
            }
            Err(error) => Ok((Err(self.table.convert_stream_error(error)?),)),
        }
    }

    fn sent(&mut self, sent: StreamResult<()>) -> Moved<()> {
        match sent {
            Ok(()) => Ok((Ok(()),)),
            Err(error) => Ok((Err(self.table.convert_stream_error(error)?),)),
        }
    }

    fn filed<T>(&mut self, error: wasmtime_wasi::p2::FsError) -> Filed<T> {
        let mut view = self.filesystem();
        Ok((Err(fs::Host::convert_error_code(&mut view, error)?),))
    }
}
