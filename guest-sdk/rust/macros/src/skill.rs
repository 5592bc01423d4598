//! `#[skill]`: from a function to its registration.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, FnArg, Ident, ItemFn, Lit, Meta, Pat, ReturnType, Type};

use crate::options::Options;

/// The longest description a host takes.
const MAX_DESCRIPTION: usize = 4096;

/// Writes the function and, beside it, what registers it.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let options = Options::read(options)?;
    let mut function: ItemFn = syn::parse2(item).map_err(|error| {
        syn::Error::new(
            error.span(),
            format!("`#[skill]` goes on a function with typed arguments ({error})"),
        )
    })?;
    check_signature(&function)?;
    let name = options.skill_name(&function.sig.ident)?;
    let description = description(&function)?;
    let tier = options.tier()?;
    let text = |value: &Option<syn::LitStr>| match value {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option::Option::None),
    };
    let (version, when, category) = (
        text(&options.version),
        text(&options.when_to_use),
        text(&options.category),
    );

    let arguments = function
        .sig
        .inputs
        .iter_mut()
        .map(argument)
        .collect::<syn::Result<Vec<_>>>()?;
    let fields = arguments.iter().map(|argument| &argument.field);
    let passed = arguments.iter().map(|argument| &argument.pass);
    let callee = &function.sig.ident;
    let call = quote!(#callee(#(#passed),*));
    let (output, outcome) = output(&function.sig.output, &call)?;
    let unused = arguments.is_empty().then(|| quote!(let _ = input;));

    Ok(quote! {
        #function

        const _: () = {
            #[derive(::coworker_skill::serde::Deserialize, ::coworker_skill::schemars::JsonSchema)]
            #[serde(crate = "::coworker_skill::serde", deny_unknown_fields)]
            #[schemars(crate = "::coworker_skill::schemars")]
            struct Input { #(#fields),* }

            fn run(input: &str) -> ::coworker_skill::Result<::std::string::String> {
                let input: Input = ::coworker_skill::__private::read(input)?;
                #unused
                ::coworker_skill::__private::write(#outcome)
            }

            ::coworker_skill::__private::inventory::submit! {
                ::coworker_skill::__private::Skill {
                    name: #name,
                    version: #version,
                    description: #description,
                    when_to_use: #when,
                    category: #category,
                    min_tier: ::coworker_skill::Tier::#tier,
                    input: ::coworker_skill::__private::schema::<Input>,
                    output: ::coworker_skill::__private::schema::<#output>,
                    run,
                }
            }
        };
    })
}

/// Refuses what a host cannot call.
fn check_signature(function: &ItemFn) -> syn::Result<()> {
    let sig = &function.sig;
    let refuse = |span: Span, why: &str| Err(syn::Error::new(span, why));
    if let Some(word) = &sig.asyncness {
        return refuse(
            word.span(),
            "a skill is a plain function: the host runs each call in an instance of its own, so there is nothing to \
             await",
        );
    }
    if let Some(word) = &sig.unsafety {
        return refuse(
            word.span(),
            "a skill cannot be `unsafe`: its caller is a stranger who can promise nothing",
        );
    }
    if !sig.generics.params.is_empty() {
        return refuse(
            sig.generics.span(),
            "a skill cannot be generic: its schema is published, so every type must be known",
        );
    }
    Ok(())
}

/// Returns the doc comment, without which no caller would know what the skill is for.
fn description(function: &ItemFn) -> syn::Result<String> {
    let text = docs(&function.attrs);
    if text.is_empty() {
        return Err(syn::Error::new(
            function.sig.ident.span(),
            format!(
                "`{}` needs a doc comment: it is the description by which other people's agents pick this skill, and \
                 all they see of it besides the schema. Write `/// What it does, in a sentence.` above the function",
                function.sig.ident
            ),
        ));
    }
    if text.len() > MAX_DESCRIPTION {
        return Err(syn::Error::new(
            function.sig.ident.span(),
            format!(
                "the description has {} bytes; hosts take at most {MAX_DESCRIPTION}",
                text.len()
            ),
        ));
    }
    Ok(text)
}

/// Joins the lines of a doc comment: where a line broke says nothing, an empty line starts a paragraph.
fn docs(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(line),
                ..
            }) => Some(line.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let paragraphs = text
        .split("\n\n")
        .map(|lines| lines.replace('\n', " ").trim().to_owned());
    paragraphs
        .filter(|paragraph| !paragraph.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

struct Argument {
    field: TokenStream,
    pass: TokenStream,
}

/// Moves an argument's attributes to the input's field, since a function may not keep them.
fn argument(argument: &mut FnArg) -> syn::Result<Argument> {
    let FnArg::Typed(typed) = argument else {
        return Err(syn::Error::new_spanned(
            argument,
            "a skill takes no `self`: each call runs in a fresh instance, nothing lives between calls (use `state` to \
             remember)",
        ));
    };
    let Pat::Ident(pattern) = typed.pat.as_ref() else {
        return Err(syn::Error::new_spanned(
            &typed.pat,
            "give the argument a plain name: it is the name of the input's field that callers write",
        ));
    };
    let name: Ident = pattern.ident.clone();
    let attrs = std::mem::take(&mut typed.attrs);
    let (field_type, pass) = match typed.ty.as_ref() {
        Type::Reference(reference) if is_str(&reference.elem) => {
            (quote!(::std::string::String), quote!(&input.#name))
        }
        Type::Reference(_) => {
            return Err(syn::Error::new_spanned(
                &typed.ty,
                "the input is read from JSON, so the skill owns it: take the type itself (only `&str` may stand for \
                 `String`)",
            ));
        }
        Type::ImplTrait(_) => {
            return Err(syn::Error::new_spanned(
                &typed.ty,
                "name the type: its schema is published",
            ));
        }
        owned => (quote!(#owned), quote!(input.#name)),
    };
    Ok(Argument {
        field: quote!(#(#attrs)* #name: #field_type),
        pass,
    })
}

fn is_str(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("str"))
}

/// Returns the output's type and an expression of type `Result<output>`.
fn output(returned: &ReturnType, call: &TokenStream) -> syn::Result<(TokenStream, TokenStream)> {
    let ReturnType::Type(_, ty) = returned else {
        return Err(syn::Error::new(
            returned.span(),
            "a skill returns something: `-> Result<T>`, or `-> T` if it cannot fail, where `T` is the output that \
             callers get",
        ));
    };
    let is_result = matches!(ty.as_ref(), Type::Path(path)
        if path.path.segments.last().is_some_and(|last| last.ident == "Result"));
    let plain = format_ident!("Ok");
    Ok(if is_result {
        (
            quote!(<#ty as ::coworker_skill::__private::Outcome>::Output),
            quote!(#call),
        )
    } else {
        (
            quote!(#ty),
            quote!(::core::result::Result::<_, ::coworker_skill::Failure>::#plain(#call)),
        )
    })
}

#[cfg(test)]
mod tests;
