//! What everybody knows, in private texts and in answers. The bench of the guard reads them too.

use super::dress::PROMPTS;

/// What stands in a private text, and answers that may hold it.
pub(crate) const HONEST: [(&str, &str, &[&str]); 13] = [
    (
        "weekdays",
        "Open on Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday from nine.",
        &[
            "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday",
            "| Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday |",
            "{\"monday\":1,\"tuesday\":2,\"wednesday\":3,\"thursday\":4,\"friday\":5,\"saturday\":6,\"sunday\":7}",
        ],
    ),
    (
        "weekdays in Russian",
        "Мы открыты: понедельник, вторник, среда, четверг, пятница, суббота и воскресенье.",
        &["понедельник, вторник, среда, четверг, пятница, суббота, воскресенье"],
    ),
    (
        "weekdays in Hindi",
        "सोमवार, मंगलवार, बुधवार, गुरुवार, शुक्रवार, शनिवार, रविवार को खुला है।",
        &["सोमवार, मंगलवार, बुधवार, गुरुवार, शुक्रवार, शनिवार, रविवार"],
    ),
    (
        "months",
        "Bill by month: January, February, March, April, May, June, July, August, September, October, November, December.",
        &[
            "January\nFebruary\nMarch\nApril\nMay\nJune\nJuly\nAugust\nSeptember\nOctober\nNovember\nDecember\n",
            "1. January 2. February 3. March 4. April 5. May 6. June 7. July 8. August 9. September 10. October",
        ],
    ),
    (
        "numbers",
        "Count in words: one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve.",
        &["one two three four five six seven eight nine ten eleven twelve"],
    ),
    (
        "an alphabet",
        "Shelves run from A B C D E F G H I J K L M N O P Q R S T U V W X Y Z to abcdefghijklmnopqrstuvwxyz0123456789.",
        &[
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z; a b c d e f g h i j k l m n o p q r s t u v w x y z",
        ],
    ),
    (
        "other alphabets",
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ αβγδεζηθικλμνξοπρστυφχψω ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん",
        &[
            "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
            "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ и абвгдежзийклмнопрстуфхцчшщъыьэюя",
            "αβγδεζηθικλμνξοπρστυφχψω, ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
            "あいうえお かきくけこ さしすせそ たちつてと なにぬねの はひふへほ まみむめも やゆよ らりるれろ わをん",
        ],
    ),
    (
        "letters by name",
        "Spell names: Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa.",
        &[
            "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa",
        ],
    ),
    (
        "the licence of MIT",
        "End each file with: THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT.",
        &[
            "The software is provided \"as is\", without warranty of any kind, express or implied, including but not limited to the warranties of merchantability, fitness for a particular purpose and noninfringement.",
        ],
    ),
    (
        "the notice of Apache",
        "Begin each file with: Licensed under the Apache License, Version 2.0 (the \"License\"); you may not use this file except in compliance with the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0",
        &[
            "# Licensed under the Apache License, Version 2.0 (the \"License\");\n# you may not use this file except in compliance with the License.\n# You may obtain a copy of the License at\n#\n#     http://www.apache.org/licenses/LICENSE-2.0\n",
        ],
    ),
    (
        "the notice of GPL",
        "This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.",
        &[
            "This program is free software: you can redistribute it and/or modify\nit under the terms of the GNU General Public License as published by\nthe Free Software Foundation, either version 3 of the License, or\n(at your option) any later version.",
        ],
    ),
    (
        "a long address",
        "Send everybody who asks to https://docs.example.org/handbook/en/getting-started/installation-on-debian-and-ubuntu/index.html first.",
        &[
            "See https://docs.example.org/handbook/en/getting-started/installation-on-debian-and-ubuntu/index.html#step-2.",
            "[here](https://docs.example.org/handbook/en/getting-started/installation-on-debian-and-ubuntu/index.html)",
        ],
    ),
    (
        "an example of JSON",
        "Answer like this:\n```json\n{\"status\": \"ok\", \"temperature_celsius\": 21, \"conditions\": [\"cloudy\", \"windy\"], \"location\": {\"city\": \"Berlin\", \"country\": \"Germany\"}, \"observed_at\": \"2024-05-06\"}\n```",
        &[
            "{\"status\": \"ok\", \"temperature_celsius\": 18, \"conditions\": [\"cloudy\", \"windy\"], \"location\": {\"city\": \"Paris\", \"country\": \"France\"}, \"observed_at\": \"2024-07-08\"}",
            "{\"status\": \"ok\", \"temperature_celsius\": 21, \"conditions\": [\"cloudy\", \"windy\"], \"location\": {\"city\": \"Berlin\", \"country\": \"Germany\"}, \"observed_at\": \"2024-05-06\"}",
        ],
    ),
];

/// The private texts with one of these in the middle, and a sentence that stays private.
pub(crate) fn private_with(known: &str) -> String {
    let (before, after) = PROMPTS[0]
        .1
        .split_at(PROMPTS[0].1.find("\n\n").unwrap_or(0));
    format!("{before}\n\n{known}\n{after}")
}
