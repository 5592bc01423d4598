//! The heap of a component: the allocator that Rust has for WebAssembly anyway, with a first piece of memory that is there
//! from the start. To let a memory grow, and to take that back after the call, the host has to change the rights of its
//! pages, of which every processor is told: that takes as long as all the rest of a small call. It gives nothing back to
//! the host; the instance ends with its call.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::{Cell, UnsafeCell};
use core::ptr::null_mut;

use dlmalloc::{Allocator, Dlmalloc};

/// How much there is before the memory has to grow, in bytes. What is not used of it costs nothing: it is no part of the
/// component's file, and no page of it exists before it is written to.
const FIRST: usize = 1 << 20;

/// A page of a WebAssembly memory.
const PAGE: usize = 64 << 10;

#[repr(align(16))]
struct First(UnsafeCell<[u8; FIRST]>);

// SAFETY: a component has one thread.
unsafe impl Sync for First {}

static FIRST_PIECE: First = First(UnsafeCell::new([0; FIRST]));

/// Where the allocator gets its memory from.
struct Source {
    is_first_given: Cell<bool>,
}

// SAFETY: a component has one thread. Each piece is handed out once, is as long as is said, and nobody else uses it: the
// first is a static that only this names, the others are pages that did not exist before.
unsafe impl Allocator for Source {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= FIRST && !self.is_first_given.replace(true) {
            return (FIRST_PIECE.0.get().cast(), FIRST, 0);
        }
        let pages = size.div_ceil(PAGE);
        let before = memory_size::<0>();
        // The last page of all stays unused: a pointer past its end would be null.
        if before + pages >= usize::MAX / PAGE || memory_grow::<0>(pages) == usize::MAX {
            return (null_mut(), 0, 0);
        }
        ((before * PAGE) as *mut u8, pages * PAGE, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

struct Heap(UnsafeCell<Dlmalloc<Source>>);

// SAFETY: a component has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Source {
    is_first_given: Cell::new(false),
})));

// SAFETY: the allocator keeps the promises; with one thread, and as it calls nobody who allocates, it is never entered
// twice.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(piece, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(piece, layout.size(), layout.align(), size) }
    }
}
