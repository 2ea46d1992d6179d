using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;

namespace Adcp.Aot.Platform;

/// <summary>
/// Checks arguments by the validation attributes of their properties, such as <see cref="RangeAttribute"/>. Properties are found by the
/// JSON contracts, without reflection over types, and named in faults as they are on the wire.
/// </summary>
internal static class ArgumentRules
{
    private static readonly ConditionalWeakTable<JsonPropertyInfo, ValidationAttribute[]> Known = [];

    /// <summary>Returns the validation attributes of a property.</summary>
    internal static ValidationAttribute[] Of(JsonPropertyInfo property) => Known.GetValue(property, static info =>
        info.AttributeProvider is { } provider
            ? [.. provider.GetCustomAttributes(typeof(ValidationAttribute), inherit: true).Cast<ValidationAttribute>()]
            : []);

    /// <exception cref="AdcpErrorException">A rule is broken: <c>INVALID_REQUEST</c> with the field.</exception>
    internal static void Check(object value, JsonTypeInfo contract) => Check(value, contract, "");

    private static void Check(object value, JsonTypeInfo contract, string path)
    {
        switch (contract.Kind)
        {
            case JsonTypeInfoKind.Object:
                foreach (JsonPropertyInfo property in contract.Properties)
                {
                    if (property.Get is { } get)
                    {
                        CheckProperty(property, get(value), path.Length == 0 ? property.Name : $"{path}.{property.Name}");
                    }
                }

                break;
            case JsonTypeInfoKind.Enumerable when contract.ElementType is { } type && value is IEnumerable items
                && contract.Options.TryGetTypeInfo(type, out JsonTypeInfo? element) && element.Kind != JsonTypeInfoKind.None:
                int index = 0;
                foreach (object? item in items)
                {
                    string place = string.Create(CultureInfo.InvariantCulture, $"{path}[{index++}]");
                    Check(item ?? throw Argument.Broken("Must not be null.", place), element, place);
                }

                break;
            default:
                break;
        }
    }

    private static void CheckProperty(JsonPropertyInfo property, object? value, string path)
    {
        foreach (ValidationAttribute rule in Of(property))
        {
            if (!rule.IsValid(value))
            {
                throw Argument.Broken(rule.FormatErrorMessage(property.Name), path);
            }
        }

        if (value is not null && property.Options.TryGetTypeInfo(property.PropertyType, out JsonTypeInfo? contract))
        {
            Check(value, contract, path);
        }
    }
}
