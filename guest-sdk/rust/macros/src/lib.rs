//! The attributes of `coworker-skill`: `#[skill]` turns a function into a skill, `#[data]` a type into its input or
//! output. Whatever a caller would miss (a description, names, types that JSON can carry) is a compile error that
//! says why it is needed.

use proc_macro::TokenStream;

mod data;
mod options;
mod skill;

/// Turns a typed function into a skill.
///
/// ```text
/// /// Counts words.
/// #[skill(category = "compute")]
/// fn word_count(
///     /// What to count in.
///     text: String,
/// ) -> Result<Counts> { … }
/// ```
///
/// The doc comment is the description that callers read. The arguments are the fields of the input; their doc
/// comments describe them, `Option<T>` makes them optional, and `#[serde(..)]` or `#[schemars(..)]` on them work as
/// on fields. The function itself stays as it is: tests call it directly.
///
/// Options: `name` (default: the function's name with `-` for `_`), `category`, `when_to_use`, `version`, `min_tier`
/// (`"untrusted"`, `"known"`, `"internal"`, `"privileged"`; default `"known"`).
#[proc_macro_attribute]
pub fn skill(options: TokenStream, item: TokenStream) -> TokenStream {
    skill::expand(options.into(), item.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Lets a type be part of a skill's input or output: derives serde's and schemars' traits through the SDK, so that a
/// skill depends on nothing else.
#[proc_macro_attribute]
pub fn data(options: TokenStream, item: TokenStream) -> TokenStream {
    data::expand(options.into(), item.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
