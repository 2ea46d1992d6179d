using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Adcp.Aot.Network;

/// <summary>
/// A URL in AdCP's canonical form: RFC 9421's <c>@target-uri</c> and <c>@authority</c>. Computed from the text as
/// received, because a receiver compares bytes and <see cref="Uri"/> normalises differently. Immutable.
/// </summary>
/// <remarks>
/// Scheme and host in lower case, host in A-label form, one trailing root dot and userinfo and default port and
/// fragment dropped, dot segments removed with consecutive slashes kept, path percent-encoding in upper case with
/// unreserved characters decoded, query byte for byte. Hosts outside ASCII go through .NET's IDNA mapping after NFC
/// and lower-casing, a subset of UTS-46: full-width letters and digits, and other characters that stand for others,
/// are refused. Write such hosts in A-label form.
/// </remarks>
public sealed class TargetUri
{
    private const string Hex = "0123456789ABCDEF";
    private static readonly SearchValues<char> HostCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-.");
    private static readonly SearchValues<char> Unsafe = SearchValues.Create("\"<>\\^`{|} ");
    private static readonly IdnMapping Idn = new() { AllowUnassigned = false, UseStd3AsciiRules = true };

    private TargetUri(bool isHttps, string host, bool isIPv6, int port, string pathAndQuery, bool hadUserInfo)
    {
        IsHttps = isHttps;
        Host = host;
        Port = port;
        PathAndQuery = pathAndQuery;
        HadUserInfo = hadUserInfo;
        string shown = isIPv6 ? $"[{host}]" : host;
        Authority = port == (isHttps ? 443 : 80) ? shown : string.Create(CultureInfo.InvariantCulture, $"{shown}:{port}");
        Value = (isHttps ? "https://" : "http://") + Authority + pathAndQuery;
    }

    /// <summary>The canonical absolute URL, without userinfo and fragment.</summary>
    public string Value { get; }

    /// <summary><c>host[:port]</c>, default port dropped, IPv6 in brackets.</summary>
    public string Authority { get; }

    /// <summary>The host in A-label form; IPv6 without brackets.</summary>
    public string Host { get; }

    /// <summary>The port, even if it is the default one.</summary>
    public int Port { get; }

    /// <summary>Gets whether the scheme is https; otherwise it is http.</summary>
    public bool IsHttps { get; }

    /// <summary>Path and query as they are sent.</summary>
    public string PathAndQuery { get; }

    /// <summary>
    /// Gets whether the text had userinfo. The canonical form drops it, and a registration refuses it.
    /// </summary>
    public bool HadUserInfo { get; }

    /// <summary>Canonicalises a URL.</summary>
    /// <param name="url">The URL as received.</param>
    /// <param name="result">The canonical form.</param>
    /// <param name="reason">The rule that was broken; never repeats the url.</param>
    public static bool TryParse(string? url, [NotNullWhen(true)] out TargetUri? result, [NotNullWhen(false)] out string? reason)
    {
        result = null;
        reason = Read(url, ref result);
        return result is not null;
    }

    /// <summary>Returns scheme and authority. Path and query may hold secrets; <see cref="Value"/> is the whole url.</summary>
    public override string ToString() => (IsHttps ? "https://" : "http://") + Authority;

    /// <summary>Returns the URL for an HTTP client, which sends path and query unchanged.</summary>
    internal Uri ToRequestUri() => new(Value, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });

    /// <summary>Returns the same url on another host.</summary>
    internal bool TryWithHost(string host, [NotNullWhen(true)] out TargetUri? result)
    {
        string shown = host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host;
        string text = string.Create(CultureInfo.InvariantCulture, $"{(IsHttps ? "https" : "http")}://{shown}:{Port}{PathAndQuery}");
        return TryParse(text, out result, out _) && !result.HadUserInfo && result.PathAndQuery == PathAndQuery && result.Port == Port;
    }

    private static string? Read(string? url, ref TargetUri? result)
    {
        if (string.IsNullOrEmpty(url))
        {
            return "the url is empty";
        }

        ReadOnlySpan<char> rest = url;
        bool https = rest.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        if (!https && !rest.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
        {
            return "an absolute http or https url is needed";
        }

        rest = rest[(https ? 8 : 7)..];
        int fragment = rest.IndexOf('#');
        rest = fragment < 0 ? rest : rest[..fragment];
        int pathStart = rest.IndexOfAny('/', '?');
        ReadOnlySpan<char> authority = pathStart < 0 ? rest : rest[..pathStart];
        ReadOnlySpan<char> pathAndQuery = pathStart < 0 ? default : rest[pathStart..];
        int at = authority.LastIndexOf('@');
        ReadOnlySpan<char> hostAndPort = at < 0 ? authority : authority[(at + 1)..];
        if (at >= 0 && HasForbidden(authority[..at]))
        {
            return "the userinfo holds a character that a url cannot hold";
        }

        if (ReadHost(hostAndPort, out string? host, out bool isIPv6, out ReadOnlySpan<char> portText) is { } hostFault)
        {
            return hostFault;
        }

        int port = https ? 443 : 80;
        if (!portText.IsEmpty)
        {
            if (portText.Length > 5 || portText.ContainsAnyExceptInRange('0', '9')
                || !int.TryParse(portText, NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is 0 or > 65535)
            {
                return "the port is not a number from 1 to 65535";
            }
        }

        int queryStart = pathAndQuery.IndexOf('?');
        ReadOnlySpan<char> path = queryStart < 0 ? pathAndQuery : pathAndQuery[..queryStart];
        ReadOnlySpan<char> query = queryStart < 0 ? default : pathAndQuery[queryStart..];
        if (HasForbidden(path) || HasForbidden(query))
        {
            return "path and query must be ASCII without space and control characters; percent-encode the rest";
        }

        if (!TryNormalise(path, out string? normal))
        {
            return "a percent sign in the path is not followed by two hex digits";
        }

        string target = RemoveDotSegments(normal) + query.ToString();
        result = new TargetUri(https, host!, isIPv6, port, target, at >= 0);
        return null;
    }

    private static string? ReadHost(ReadOnlySpan<char> text, out string? host, out bool isIPv6, out ReadOnlySpan<char> port)
    {
        host = null;
        port = default;
        isIPv6 = text.StartsWith('[');
        if (isIPv6)
        {
            int close = text.IndexOf(']');
            if (close < 0)
            {
                return "an IPv6 host is not closed by a bracket";
            }

            ReadOnlySpan<char> inside = text[1..close];
            ReadOnlySpan<char> after = text[(close + 1)..];
            if (inside.Contains('%') || !IPAddress.TryParse(inside, out IPAddress? address)
                || address.AddressFamily != AddressFamily.InterNetworkV6)
            {
                return "the host in brackets is not an IPv6 address without a zone";
            }

            if (!after.IsEmpty && after[0] != ':')
            {
                return "text follows the closing bracket of an IPv6 host";
            }

            host = inside.ToString().ToLowerInvariant();
            port = after.IsEmpty ? default : after[1..];
            return null;
        }

        int colon = text.IndexOf(':');
        if (colon >= 0 && text[(colon + 1)..].Contains(':'))
        {
            return "an IPv6 host needs brackets";
        }

        ReadOnlySpan<char> name = colon < 0 ? text : text[..colon];
        port = colon < 0 ? default : text[(colon + 1)..];
        return ReadName(name, out host);
    }

    /// <summary>
    /// Returns whether a host holds a character that no name has: UTS-46 disallows it and the runtime's mapping
    /// lets it through (unassigned and private ones, controls, separators, replacement characters), or it stands for
    /// others, such as a full-width digit. ICU replaces the latter and a process without ICU does not, so two peers
    /// would read two hosts.
    /// </summary>
    private static bool HoldsNoName(string host)
    {
        foreach (Rune rune in host.EnumerateRunes())
        {
            bool joiner = rune.Value is 0x200C or 0x200D;
            bool none = Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate or UnicodeCategory.SpaceSeparator
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.OtherNumber or UnicodeCategory.LetterNumber;
            if ((none && !joiner) || StandsForOthers(rune.Value))
            {
                return true;
            }
        }

        return !host.IsNormalized(NormalizationForm.FormKC);
    }

    /// <summary>
    /// The blocks of letters and digits that are other ones in another shape: letterlike, radicals, enclosed,
    /// compatibility and presentation forms with the full-width ones, mathematical, outlined, segmented.
    /// </summary>
    private static bool StandsForOthers(int value) => value
        is (>= 0x2070 and <= 0x209F) or (>= 0x2100 and <= 0x218F) or (>= 0x2460 and <= 0x24FF) or (>= 0x2E80 and <= 0x2FDF)
        or (>= 0x3200 and <= 0x33FF) or (>= 0xF900 and <= 0xFFFF) or (>= 0x1CCD6 and <= 0x1CCF9) or (>= 0x1D400 and <= 0x1D7FF)
        or (>= 0x1EE00 and <= 0x1EEFF) or (>= 0x1F100 and <= 0x1F2FF) or (>= 0x1FBF0 and <= 0x1FBF9) or (>= 0x2F800 and <= 0x2FA1F);

    private static string? ReadName(ReadOnlySpan<char> name, out string? host)
    {
        host = null;
        if (name.IsEmpty)
        {
            return "the url has no host";
        }

        string lower = name.ToString().ToLowerInvariant();
        if (!Ascii.IsValid(lower))
        {
            try
            {
                // IDNA's other full stops separate labels too (UTS-46, section 4).
                lower = lower.Normalize(NormalizationForm.FormC).Replace('\u3002', '.').Replace('\uFF0E', '.').Replace('\uFF61', '.');
                if (HoldsNoName(lower))
                {
                    return "the host holds a character that no name is written with, or one that stands for others; "
                        + "write it in A-label form";
                }

                bool root = lower.EndsWith('.');
                lower = Idn.GetAscii(root ? lower[..^1] : lower).ToLowerInvariant() + (root ? "." : "");
            }
            catch (ArgumentException)
            {
                return "the host is not a valid internationalised name";
            }
        }

        if (lower.EndsWith('.'))
        {
            lower = lower[..^1];
        }

        if (lower.Length is 0 or > 253 || lower.AsSpan().ContainsAnyExcept(HostCharacters))
        {
            return "the host is empty, too long, or holds a character that a host name cannot hold";
        }

        foreach (Range range in lower.AsSpan().Split('.'))
        {
            ReadOnlySpan<char> label = lower.AsSpan(range);
            if (label.Length is 0 or > 63 || label[0] == '-' || label[^1] == '-')
            {
                return "a label of the host is empty, too long, or begins or ends with a hyphen";
            }
        }

        host = lower;
        return null;
    }

    private static bool HasForbidden(ReadOnlySpan<char> text) => text.ContainsAnyExceptInRange('!', '~') || text.ContainsAny(Unsafe);

    private static bool TryNormalise(ReadOnlySpan<char> path, [NotNullWhen(true)] out string? normal)
    {
        StringBuilder output = new(path.Length);
        for (int i = 0; i < path.Length; i++)
        {
            char c = path[i];
            if (c != '%')
            {
                output.Append(c);
                continue;
            }

            if (i + 2 >= path.Length || !char.IsAsciiHexDigit(path[i + 1]) || !char.IsAsciiHexDigit(path[i + 2]))
            {
                normal = null;
                return false;
            }

            int value = (HexValue(path[i + 1]) << 4) | HexValue(path[i + 2]);
            i += 2;
            if (char.IsAsciiLetterOrDigit((char)value) || (char)value is '-' or '.' or '_' or '~')
            {
                output.Append((char)value);
            }
            else
            {
                output.Append('%').Append(Hex[value >> 4]).Append(Hex[value & 15]);
            }
        }

        normal = output.ToString();
        return true;
    }

    private static int HexValue(char c) => char.IsAsciiDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;

    /// <summary>
    /// Removes dot segments (RFC 3986, section 5.2.4). Consecutive slashes stay: an empty segment is a segment.
    /// </summary>
    private static string RemoveDotSegments(string path)
    {
        if (path.Length == 0)
        {
            return "/";
        }

        string[] segments = path[1..].Split('/');
        List<string> kept = new(segments.Length);
        for (int i = 0; i < segments.Length; i++)
        {
            bool last = i == segments.Length - 1;
            switch (segments[i])
            {
                case ".":
                    break;
                case "..":
                    if (kept.Count > 0)
                    {
                        kept.RemoveAt(kept.Count - 1);
                    }

                    break;
                default:
                    kept.Add(segments[i]);
                    continue;
            }

            if (last)
            {
                kept.Add("");
            }
        }

        return "/" + string.Join('/', kept);
    }
}
