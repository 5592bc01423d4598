//! What stands in the parentheses of `#[skill(..)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, LitStr, MetaNameValue, Token};

const KNOWN: &str = "`name`, `category`, `when_to_use`, `version`, `min_tier`";

/// The options, checked.
#[derive(Default)]
pub(crate) struct Options {
    name: Option<LitStr>,
    pub(crate) category: Option<LitStr>,
    pub(crate) when_to_use: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    min_tier: Option<LitStr>,
}

impl Options {
    /// Reads the options; each may stand once.
    pub(crate) fn read(tokens: TokenStream) -> syn::Result<Self> {
        let pairs = Punctuated::<MetaNameValue, Token![,]>::parse_terminated
            .parse2(tokens)
            .map_err(|error| {
                syn::Error::new(
                    error.span(),
                    format!("expected `option = \"text\"` with one of {KNOWN}"),
                )
            })?;
        let mut options = Self::default();
        for pair in pairs {
            let key = pair
                .path
                .get_ident()
                .map(ToString::to_string)
                .unwrap_or_default();
            let place = match key.as_str() {
                "name" => &mut options.name,
                "category" => &mut options.category,
                "when_to_use" => &mut options.when_to_use,
                "version" => &mut options.version,
                "min_tier" => &mut options.min_tier,
                "description" => {
                    return Err(syn::Error::new_spanned(
                        pair,
                        "the description is the function's doc comment: write `/// …` above it",
                    ));
                }
                _ => {
                    return Err(syn::Error::new_spanned(
                        pair,
                        format!("`#[skill]` has no option `{key}`; it has {KNOWN}"),
                    ));
                }
            };
            let Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) = &pair.value
            else {
                return Err(syn::Error::new_spanned(
                    &pair.value,
                    format!("`{key}` takes a text in quotes: it is published as it stands"),
                ));
            };
            if place.replace(text.clone()).is_some() {
                return Err(syn::Error::new_spanned(
                    pair,
                    format!("`{key}` stands twice"),
                ));
            }
        }
        Ok(options)
    }

    /// Returns the name callers use: the one given, or the function's with `-` for `_`.
    pub(crate) fn skill_name(&self, function: &syn::Ident) -> syn::Result<String> {
        let plain = function.to_string();
        let (name, span) = match &self.name {
            Some(given) => (given.value(), given.span()),
            None => (
                plain
                    .trim_start_matches("r#")
                    .trim_matches('_')
                    .replace('_', "-"),
                function.span(),
            ),
        };
        let starts_well = name
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        let goes_well = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if starts_well && goes_well && name.len() <= 64 {
            return Ok(name);
        }
        Err(syn::Error::new(
            span,
            format!(
                "{name:?} cannot name a skill: use 1 to 64 letters, digits, '_', '.' or '-', starting with a letter \
                 or digit"
            ),
        ))
    }

    /// Returns the tier as the SDK's own constant.
    pub(crate) fn tier(&self) -> syn::Result<TokenStream> {
        let (word, span) = match &self.min_tier {
            Some(given) => (given.value(), given.span()),
            None => ("known".to_owned(), Span::call_site()),
        };
        match word.as_str() {
            "untrusted" => Ok(quote!(Untrusted)),
            "known" => Ok(quote!(Known)),
            "internal" => Ok(quote!(Internal)),
            "privileged" => Ok(quote!(Privileged)),
            _ => Err(syn::Error::new(
                span,
                format!(
                    "no tier is called {word:?}: use \"untrusted\" (anybody the owner exposes it to), \"known\", \
                     \"internal\" or \"privileged\""
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(tokens: TokenStream, why: &str) {
        let error = Options::read(tokens).err().expect("refused");
        assert!(error.to_string().contains(why), "{error}");
    }

    #[test]
    fn mistakes_name_what_is_right() {
        refuses(
            quote!(categry = "x"),
            "no option `categry`; it has `name`, `category`",
        );
        refuses(quote!(description = "x"), "doc comment");
        refuses(quote!(name), "expected `option = \"text\"`");
        refuses(quote!(version = 1), "takes a text in quotes");
        refuses(quote!(name = "a", name = "b"), "stands twice");
    }

    #[test]
    fn names_follow_the_function_unless_given() {
        let ident: syn::Ident = syn::parse_quote!(word_count);
        assert_eq!(Options::default().skill_name(&ident).unwrap(), "word-count");
        let given = Options::read(quote!(name = "Wörter")).unwrap();
        assert!(
            given
                .skill_name(&ident)
                .unwrap_err()
                .to_string()
                .contains("cannot name a skill")
        );
    }

    #[test]
    fn tiers_are_words() {
        assert_eq!(Options::default().tier().unwrap().to_string(), "Known");
        let wrong = Options::read(quote!(min_tier = "admin")).unwrap();
        assert!(
            wrong
                .tier()
                .unwrap_err()
                .to_string()
                .contains("no tier is called \"admin\"")
        );
    }
}
