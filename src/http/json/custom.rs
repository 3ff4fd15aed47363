//! Custom fields as somebody sends them.

use serde_json::Value as Json;

use crate::http::error::ApiError;
use crate::model::CustomValue;

/// A custom field's value; numbers in it are whole.
pub(in crate::http) fn custom_value_of(value: Json) -> Result<CustomValue, ApiError> {
    Ok(match value {
        Json::Null => CustomValue::Null,
        Json::Bool(truth) => CustomValue::Bool(truth),
        Json::Number(number) => CustomValue::Integer(
            number
                .as_i64()
                .ok_or_else(|| ApiError::bad_request("numbers in custom fields are whole"))?,
        ),
        Json::String(text) => CustomValue::Text(text),
        Json::Array(items) => {
            CustomValue::List(items.into_iter().map(custom_value_of).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => {
            let fields =
                fields.into_iter().map(|(name, value)| Ok((name, custom_value_of(value)?)));
            CustomValue::Map(fields.collect::<Result<_, ApiError>>()?)
        }
    })
}
