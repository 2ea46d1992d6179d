using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Network;

namespace Adcp.Aot.Auditing;

/// <summary>
/// Converts urls to a form that is safe to show. Paths may contain secrets in any alphabet and length, so a path
/// segment is shown only if it is one of a few plain forms.
/// </summary>
/// <remarks>
/// Shown unchanged: the origin, words of at most 24 lowercase ASCII letters and hyphens, versions such as <c>v1</c> or
/// <c>v2.1</c>, and the delivery's own operation id and task id. Every other segment becomes <c>~</c> and the first
/// eight hexadecimal digits of its SHA-256, so that endpoints can still be distinguished. Segments behind the sixteenth
/// become one hash. The query is dropped.
/// </remarks>
internal static class RedactedUrl
{
    private const int MaxWord = 24;
    private const int MaxSegments = 16;
    private static readonly SearchValues<char> WordCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz-");

    /// <summary>Returns a url for display.</summary>
    /// <param name="target">The url.</param>
    /// <param name="operationId">The operation id of the delivery; null if it has none.</param>
    /// <param name="taskId">The task id of the delivery; null if it has none.</param>
    internal static string Of(TargetUri target, string? operationId = null, string? taskId = null) =>
        OfText(target.Value, operationId, taskId);

    /// <summary>
    /// Returns a text for display that may contain a url, such as a breaker key. Text before the url is kept, and text behind a query is
    /// dropped.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="operationId">The operation id of the delivery; null if it has none.</param>
    /// <param name="taskId">The task id of the delivery; null if it has none.</param>
    internal static string OfText(string text, string? operationId = null, string? taskId = null)
    {
        string shown = WithoutQuery(text);
        int scheme = shown.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return shown;
        }

        int authority = scheme + 3;
        int path = shown.IndexOf('/', authority);
        if (path < 0)
        {
            path = shown.Length;
        }

        // Userinfo is a credential.
        int host = shown.LastIndexOf('@', path - 1, path - authority) + 1;
        StringBuilder url = new(shown.Length);
        url.Append(shown, 0, authority).Append(shown, Math.Max(authority, host), path - Math.Max(authority, host));
        AppendPath(url, shown.AsSpan(path), operationId, taskId);
        return url.ToString();
    }

    /// <summary>Returns the text up to its query, or up to the fragment of a url in it.</summary>
    internal static string WithoutQuery(string text)
    {
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        int query = text.IndexOf('?', StringComparison.Ordinal);
        int fragment = scheme < 0 ? -1 : text.IndexOf('#', scheme);
        return (query, fragment) switch
        {
            ( < 0, < 0) => text,
            ( < 0, _) => text[..fragment],
            (_, < 0) => text[..query],
            _ => text[..Math.Min(query, fragment)],
        };
    }

    /// <param name="url">The origin.</param>
    /// <param name="path">Empty, or a path that begins with a slash.</param>
    /// <param name="operationId">An id to show.</param>
    /// <param name="taskId">An id to show.</param>
    private static void AppendPath(StringBuilder url, ReadOnlySpan<char> path, string? operationId, string? taskId)
    {
        for (int segments = 1; !path.IsEmpty; segments++)
        {
            path = path[1..];
            int length = segments > MaxSegments ? path.Length : path.IndexOf('/');
            ReadOnlySpan<char> segment = length < 0 ? path : path[..length];
            url.Append('/');
            if (segments <= MaxSegments && (IsPlain(segment) || IsId(segment, operationId) || IsId(segment, taskId)))
            {
                url.Append(segment);
            }
            else
            {
                AppendHash(url, segment);
            }

            path = path[segment.Length..];
        }
    }

    private static bool IsPlain(ReadOnlySpan<char> segment) =>
        (segment.Length <= MaxWord && !segment.ContainsAnyExcept(WordCharacters)) || IsVersion(segment);

    /// <summary>Returns whether a segment is <c>v</c> and one to three digits, or two such numbers with a full stop between them.</summary>
    private static bool IsVersion(ReadOnlySpan<char> segment)
    {
        if (segment is not ['v', .. ReadOnlySpan<char> version])
        {
            return false;
        }

        int stop = version.IndexOf('.');
        return stop < 0 ? IsNumber(version) : IsNumber(version[..stop]) && IsNumber(version[(stop + 1)..]);
    }

    private static bool IsNumber(ReadOnlySpan<char> text) => text.Length is >= 1 and <= 3 && !text.ContainsAnyExceptInRange('0', '9');

    /// <summary>Returns whether a segment is an id, also if one of the two is percent-encoded.</summary>
    private static bool IsId(ReadOnlySpan<char> segment, string? id) => !string.IsNullOrEmpty(id)
        && (segment.SequenceEqual(id) || (segment.Contains('%') && Uri.UnescapeDataString(segment) == id));

    private static void AppendHash(StringBuilder url, ReadOnlySpan<char> segment)
    {
        byte[] text = new byte[Encoding.UTF8.GetMaxByteCount(segment.Length)];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text.AsSpan(0, Encoding.UTF8.GetBytes(segment, text)), hash);
        url.Append('~').Append(Convert.ToHexStringLower(hash[..4]));
    }
}
