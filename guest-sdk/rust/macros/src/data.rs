//! `#[data]`: the derives of a type that crosses the boundary.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Item;

/// Adds the derives; refuses anything but a struct or an enum.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if !options.is_empty() {
        return Err(syn::Error::new_spanned(
            options,
            "`#[data]` takes no options: put `#[serde(..)]` or `#[schemars(..)]` on the type or its fields",
        ));
    }
    match syn::parse2::<Item>(item)? {
        item @ (Item::Struct(_) | Item::Enum(_)) => Ok(quote! {
            #[derive(
                ::coworker_skill::serde::Serialize,
                ::coworker_skill::serde::Deserialize,
                ::coworker_skill::schemars::JsonSchema,
            )]
            #[serde(crate = "::coworker_skill::serde")]
            #[schemars(crate = "::coworker_skill::schemars")]
            #item
        }),
        other => Err(syn::Error::new_spanned(
            other,
            "`#[data]` goes on a struct or an enum: the shape of an input or output",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_no_data() {
        let error = expand(
            TokenStream::new(),
            quote!(
                fn f() {}
            ),
        )
        .unwrap_err();
        assert!(error.to_string().contains("a struct or an enum"), "{error}");
    }

    #[test]
    fn options_point_to_where_they_belong() {
        let error = expand(
            quote!(rename = "x"),
            quote!(
                struct A;
            ),
        )
        .unwrap_err();
        assert!(error.to_string().contains("#[serde(..)]"), "{error}");
    }

    #[test]
    fn a_struct_keeps_its_own_text() {
        let out = expand(
            TokenStream::new(),
            quote!(
                struct Counts {
                    words: u64,
                }
            ),
        )
        .unwrap();
        assert!(
            out.to_string().contains("struct Counts { words : u64"),
            "{out}"
        );
    }
}
