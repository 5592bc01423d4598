use super::*;

#[track_caller]
fn refuses(item: TokenStream, why: &str) {
    let error = expand(TokenStream::new(), item).expect_err("refused");
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn a_description_is_needed_and_the_error_says_why() {
    refuses(
        quote!(
            fn ping() -> String {
                unreachable!()
            }
        ),
        "`ping` needs a doc comment: it is the description by which",
    );
}

#[test]
fn signatures_that_no_host_can_call_are_refused() {
    refuses(
        quote!(
            #[doc = "x"]
            async fn f() -> u8 {
                0
            }
        ),
        "nothing to await",
    );
    refuses(
        quote!(
            #[doc = "x"]
            unsafe fn f() -> u8 {
                0
            }
        ),
        "cannot be `unsafe`",
    );
    refuses(
        quote!(
            #[doc = "x"]
            fn f<T>(a: T) -> u8 {
                0
            }
        ),
        "cannot be generic",
    );
    refuses(
        quote!(
            #[doc = "x"]
            fn f(&self) -> u8 {
                0
            }
        ),
        "takes no `self`",
    );
    refuses(
        quote!(
            #[doc = "x"]
            fn f((a, b): (u8, u8)) -> u8 {
                0
            }
        ),
        "plain name",
    );
    refuses(
        quote!(
            #[doc = "x"]
            fn f(a: &Vec<u8>) -> u8 {
                0
            }
        ),
        "the skill owns it",
    );
    refuses(
        quote!(
            #[doc = "x"]
            fn f(a: impl ToString) -> u8 {
                0
            }
        ),
        "name the type",
    );
    refuses(
        quote!(
            #[doc = "x"]
            fn f(a: u8) {}
        ),
        "a skill returns something",
    );
    refuses(
        quote!(
            struct NoFunction;
        ),
        "goes on a function",
    );
}

#[test]
fn a_description_has_a_limit() {
    let long = "x".repeat(MAX_DESCRIPTION + 1);
    refuses(quote!(#[doc = #long] fn f() -> u8 { 0 }), "at most 4096");
}

#[test]
fn attributes_move_from_the_argument_to_the_field() {
    let out = expand(
        TokenStream::new(),
        quote!(
            #[doc = " Doubles."]
            fn double(
                #[doc = " What to double."]
                #[serde(default)]
                n: u32,
            ) -> Result<u32> {
                Ok(n * 2)
            }
        ),
    )
    .unwrap()
    .to_string();
    assert!(out.contains("fn double (n : u32"), "{out}");
    assert!(
        out.contains("struct Input { # [doc = \" What to double.\"] # [serde (default)] n : u32 }"),
        "{out}"
    );
    assert!(out.contains("description : \"Doubles.\""), "{out}");
}

#[test]
fn a_borrowed_text_is_owned_by_the_input() {
    let out = expand(
        TokenStream::new(),
        quote!(
            #[doc = "x"]
            fn f(text: &str) -> usize {
                text.len()
            }
        ),
    )
    .unwrap();
    let out = out.to_string();
    assert!(out.contains("text : :: std :: string :: String"), "{out}");
    assert!(out.contains("f (& input . text)"), "{out}");
}
