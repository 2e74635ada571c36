//! The C interface of a crate: its functions and its header.

use crate::text::identifier;

/// What the interface has beside `predict`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface<'a> {
    /// The name of the crate.
    pub(crate) name: &'a str,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Numbers of a row; none if there is no function for them.
    pub(crate) row: Option<usize>,
    /// The classes; empty for values.
    pub(crate) classes: &'a [String],
    pub(crate) has_probabilities: bool,
}

/// A function of arrays.
struct ArrayFunction {
    name: &'static str,
    about: &'static str,
    from: (&'static str, &'static str),
    to: (&'static str, &'static str),
}

impl Interface<'_> {
    fn functions(&self) -> Vec<ArrayFunction> {
        let function = |name, about, from, to| ArrayFunction { name, about, from, to };
        let outputs = ("outputs", "OUTPUTS");
        let predict = "What the last layer gives for the features of a sample.";
        let row = "The prediction for a row before its transforms, in the unit of the target.";
        let probabilities = "The probability of each class, from a prediction.";
        let mut functions = vec![function("predict", predict, ("features", "INPUTS"), outputs)];
        if self.row.is_some() {
            functions.push(function("predict_row", row, ("row", "ROW"), outputs));
        }
        if self.has_probabilities {
            let to = ("probabilities", "CLASSES");
            functions.push(function("probabilities", probabilities, outputs, to));
        }
        functions
    }

    /// The text of `c.rs`.
    pub(crate) fn source(&self) -> String {
        let prefix = identifier(self.name);
        let uses = match self.classes.is_empty() {
            true => "",
            false => "use core::ffi::{CStr, c_char};\n\n",
        };
        let mut text = "//! The C interface: `include/` has its header.\n\n".to_owned() + uses;
        text += "/// What a library without the standard library needs to be linked; a prediction does not panic.\n\
            #[cfg(all(feature = \"panic-handler\", not(test)))]\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo<'_>) -> ! {\n    loop {}\n}\n";
        for ArrayFunction { name, about, from, to } in self.functions() {
            let size = |constant: &str| match constant {
                "CLASSES" => "crate::CLASSES.len()".to_owned(),
                constant => format!("crate::{constant}"),
            };
            let (from_size, to_size) = (size(from.1), size(to.1));
            text += &format!(
                "\n/// {about}\n///\n/// # Safety\n///\n\
                 /// Both point to as many numbers as the header says, which do not overlap.\n\
                 #[unsafe(no_mangle)]\n\
                 pub unsafe extern \"C\" fn {prefix}_{name}({from}: *const f32, {to}: *mut f32) {{\n    \
                     // SAFETY: the caller's promise, here and below.\n    \
                     let {from} = unsafe {{ &*{from}.cast::<[f32; {from_size}]>() }};\n    \
                     let {to} = unsafe {{ &mut *{to}.cast::<[f32; {to_size}]>() }};\n    \
                     *{to} = crate::{name}({from});\n}}\n",
                from = from.0,
                to = to.0,
            );
        }
        if self.classes.is_empty() {
            return text;
        }
        let names: Vec<String> = self.classes.iter().map(|name| c_literal(name)).collect();
        text + &format!(
            "\n/// The class that a prediction means.\n///\n/// # Safety\n///\n\
             /// It points to as many numbers as the header says.\n\
             #[unsafe(no_mangle)]\n\
             pub unsafe extern \"C\" fn {prefix}_class(outputs: *const f32) -> usize {{\n    \
                 // SAFETY: the caller's promise.\n    \
                 crate::class(unsafe {{ &*outputs.cast::<[f32; crate::OUTPUTS]>() }})\n}}\n\
             \n/// The name of a class; null if there is none.\n\
             #[unsafe(no_mangle)]\n\
             pub extern \"C\" fn {prefix}_class_name(class: usize) -> *const c_char {{\n    \
                 const NAMES: [&CStr; {}] = [{}];\n    \
                 NAMES.get(class).map_or(core::ptr::null(), |name| name.as_ptr())\n}}\n",
            names.len(),
            names.join(", ")
        )
    }

    /// The text of the header.
    pub(crate) fn header(&self) -> String {
        let prefix = identifier(self.name);
        let upper = prefix.to_uppercase();
        let mut text = format!(
            "/* A neural network: see README.md. No function allocates, or keeps anything. */\n\
             #ifndef {upper}_H\n#define {upper}_H\n\n#include <stddef.h>\n\n\
             #ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n\
             #define {upper}_INPUTS {}\n#define {upper}_OUTPUTS {}\n",
            self.inputs, self.outputs
        );
        if let Some(row) = self.row {
            text += &format!("#define {upper}_ROW {row}\n");
        }
        if !self.classes.is_empty() {
            text += &format!("#define {upper}_CLASSES {}\n", self.classes.len());
        }
        for ArrayFunction { name, about, from: (from, from_size), to: (to, to_size) } in
            self.functions()
        {
            text += &format!(
                "\n/* {about} */\n\
                 void {prefix}_{name}(const float {from}[{upper}_{from_size}], float {to}[{upper}_{to_size}]);\n"
            );
        }
        if !self.classes.is_empty() {
            text += &format!(
                "\n/* The class that a prediction means, from 0 on. */\n\
                 size_t {prefix}_class(const float outputs[{upper}_OUTPUTS]);\n\
                 \n/* The name of a class in UTF-8; null if there is none. */\n\
                 const char *{prefix}_class_name(size_t class_number);\n"
            );
        }
        text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    }
}

/// A text as a literal that ends with a zero; it has none inside.
fn c_literal(text: &str) -> String {
    format!("c{:?}", text.replace('\0', " "))
}
