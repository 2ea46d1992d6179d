using System.Text;
using Adcp.Aot.Network;

namespace Adcp.Aot.Resilience;

/// <summary>
/// Computes the key by which an endpoint's breaker and limits are found: tenant, origin and path, without the parts
/// that change from one operation to the next.
/// </summary>
/// <remarks>
/// <para>
/// AdCP's url template has the operation id in the path. If the key were the whole url, every operation would have its
/// own breaker and none would ever open. Path segments that equal the operation id or the task id, percent-encoded or
/// not, are therefore replaced, and the query is dropped.
/// </para>
/// <para>
/// A tenant comes first, followed by a space. A canonical url contains no space, so the last space of a key always ends its
/// tenant, and two tenants never share a key.
/// </para>
/// </remarks>
internal static class EndpointKey
{
    private const string OperationPlaceholder = "{operation_id}";
    private const string TaskPlaceholder = "{task_id}";

    /// <summary>Returns the key of a destination.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="tenant">The tenant that the delivery belongs to; <see langword="null"/> for none.</param>
    /// <param name="taskId">The task that the webhook reports on; <see langword="null"/> for none.</param>
    /// <param name="originLength">The length of the prefix that names tenant and origin only.</param>
    internal static string Of(WebhookDestination destination, string? tenant, string? taskId, out int originLength)
    {
        TargetUri target = destination.Target;
        int prefix = tenant is null ? 0 : tenant.Length + 1;
        int origin = target.Value.Length - target.PathAndQuery.Length;
        originLength = prefix + origin;
        int query = target.PathAndQuery.IndexOf('?', StringComparison.Ordinal);
        ReadOnlySpan<char> path = query < 0 ? target.PathAndQuery : target.PathAndQuery.AsSpan(0, query);
        if (!HasId(path, destination.OperationId, taskId))
        {
            ReadOnlySpan<char> url = target.Value.AsSpan(0, origin + path.Length);
            return tenant is not null ? string.Concat(tenant, " ", url) : query < 0 ? target.Value : url.ToString();
        }

        StringBuilder key = new(prefix + target.Value.Length + OperationPlaceholder.Length);
        key.Append(OfTenant(tenant, string.Empty)).Append(target.Value, 0, origin);
        foreach (Range range in path[1..].Split('/'))
        {
            ReadOnlySpan<char> segment = path[1..][range];
            key.Append('/');
            if (Equals(segment, destination.OperationId))
            {
                key.Append(OperationPlaceholder);
            }
            else if (Equals(segment, taskId))
            {
                key.Append(TaskPlaceholder);
            }
            else
            {
                key.Append(segment);
            }
        }

        return key.ToString();
    }

    /// <summary>Returns a caller's own key within its tenant.</summary>
    internal static string OfTenant(string? tenant, string key) => tenant is null ? key : string.Concat(tenant, " ", key);

    /// <summary>Returns the tenant that a key begins with; <see langword="null"/> for none.</summary>
    internal static string? TenantOf(string key)
    {
        int end = key.LastIndexOf(' ');
        return end <= 0 ? null : key[..end];
    }

    /// <summary>Returns whether a key names an origin only, such as <c>https://buyer.example</c>.</summary>
    internal static bool IsOrigin(ReadOnlySpan<char> key)
    {
        ReadOnlySpan<char> url = key[(key.LastIndexOf(' ') + 1)..];
        int authority = url.StartsWith("https://", StringComparison.Ordinal)
            ? 8
            : url.StartsWith("http://", StringComparison.Ordinal) ? 7 : 0;
        return authority > 0 && url.Length > authority && !url[authority..].Contains('/');
    }

    private static bool HasId(ReadOnlySpan<char> path, string? operationId, string? taskId)
    {
        if (operationId is null && taskId is null)
        {
            return false;
        }

        foreach (Range range in path[1..].Split('/'))
        {
            ReadOnlySpan<char> segment = path[1..][range];
            if (Equals(segment, operationId) || Equals(segment, taskId))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Equals(ReadOnlySpan<char> segment, string? id) =>
        !string.IsNullOrEmpty(id) && (segment.SequenceEqual(id) || (segment.Contains('%') && Uri.UnescapeDataString(segment) == id));
}
