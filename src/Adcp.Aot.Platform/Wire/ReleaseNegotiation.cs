using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Adcp.Aot.Platform;

/// <summary>
/// Decides which AdCP release a request is served with. A seller serves one release: a request for it or for a later one of the same major
/// version is served, and the reply says with which release. Any other request is refused with <c>VERSION_UNSUPPORTED</c>.
/// </summary>
internal static partial class ReleaseNegotiation
{
    private const string Major = "3";

    /// <summary>Returns the release as it is written: major and minor.</summary>
    internal static string Release(AdcpVersion version) => version switch
    {
        AdcpVersion.V30 => "3.0",
        AdcpVersion.V31 => "3.1",
        _ => "3.2",
    };

    /// <summary>Accepts the request's <c>adcp_version</c> and <c>adcp_major_version</c>.</summary>
    /// <param name="arguments">The arguments, a JSON object.</param>
    /// <param name="version">The release that the seller serves.</param>
    /// <exception cref="AdcpErrorException">The seller does not serve the request's release, or a member is malformed.</exception>
    internal static void Require(JsonElement arguments, AdcpVersion version)
    {
        string? pin = null;
        if (Given(arguments, "adcp_version"u8) is { } release)
        {
            pin = release.ValueKind == JsonValueKind.String ? release.GetString()! : null;
            if (pin is null || !Pattern().IsMatch(pin))
            {
                throw new AdcpErrorException(AdcpError.InvalidRequest(
                    "A release is major and minor version, such as 3.2, without a patch version.", "adcp_version"));
            }
        }

        string? major = null;
        if (Given(arguments, "adcp_major_version"u8) is { } number)
        {
            major = number.ValueKind == JsonValueKind.Number && number.TryGetDecimal(out decimal value) && decimal.IsInteger(value)
                ? value.ToString("0", CultureInfo.InvariantCulture)
                : throw new AdcpErrorException(AdcpError.InvalidRequest("A major version is an integer, such as 3.", "adcp_major_version"));
        }

        bool isServed = (major ?? Major) == Major && (pin is null || IsServed(pin, Release(version)));
        if (!isServed)
        {
            throw Unsupported(pin, major, version);
        }
    }

    /// <summary>Writes the members of <c>adcp</c> in <c>get_adcp_capabilities</c> that say which releases are served.</summary>
    internal static void WriteSupported(Utf8JsonWriter json, AdcpVersion version)
    {
        json.WriteStartArray("supported_versions"u8);
        json.WriteStringValue(Release(version));
        json.WriteEndArray();
    }

    private static JsonElement? Given(JsonElement arguments, ReadOnlySpan<byte> name) =>
        arguments.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A pre-release is served only by itself, and this library serves none.</summary>
    private static bool IsServed(string pin, string release)
    {
        if (pin.Contains('-', StringComparison.Ordinal))
        {
            return false;
        }

        string[] asked = pin.Split('.');
        string[] served = release.Split('.');
        return asked[0] == served[0] && Compare(asked[1], served[1]) >= 0;
    }

    /// <summary>Compares numbers of any length without leading zeros.</summary>
    private static int Compare(string a, string b) => a.Length != b.Length ? a.Length - b.Length : string.CompareOrdinal(a, b);

    private static AdcpErrorException Unsupported(string? pin, string? major, AdcpVersion version)
    {
        string release = Release(version);
        string asked = pin is null ? "major version " + major : pin;
        ReadOnlyMemory<byte> details = WireObject.Of(json =>
        {
            WriteSupported(json, version);
            json.WriteStartArray("supported_majors"u8);
            json.WriteNumberValue(3);
            json.WriteEndArray();
            if (pin is not null)
            {
                json.WriteString("adcp_version"u8, pin);
            }

            if (major is not null && long.TryParse(major, CultureInfo.InvariantCulture, out long number) && number is >= 1 and <= 99)
            {
                json.WriteNumber("adcp_major_version"u8, number);
            }
        });
        string field = pin is null ? "adcp_major_version" : "adcp_version";
        return new AdcpErrorException(
            new AdcpError("VERSION_UNSUPPORTED", $"This seller serves AdCP {release}, and not {Shortened(asked)}.", field)
            {
                Details = JsonElement.Parse(details.Span),
            });
    }

    private static string Shortened(string asked) => asked.Length <= 32 ? asked : asked[..32] + "...";

    [GeneratedRegex(@"^(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)?\z")]
    private static partial Regex Pattern();
}
