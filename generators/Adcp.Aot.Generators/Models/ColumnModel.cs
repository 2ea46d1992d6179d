using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Models;

/// <summary>One column of a log.</summary>
/// <param name="Name">Its name in the log.</param>
/// <param name="Field">The attempt's field; null for a computed column.</param>
/// <param name="Computed">The computation; null for a field.</param>
/// <param name="Kind">The type of the value in C#.</param>
/// <param name="Nullable">True if the value may be null.</param>
/// <param name="Stored">The type of the column; never Default.</param>
/// <param name="MaxLength">The bound of a text; 0 for none.</param>
/// <param name="Redaction">The way in which a text is hidden.</param>
internal sealed record ColumnModel(
    string Name, string? Field, Computation? Computed, ValueKind Kind, bool Nullable, StoredType Stored, int MaxLength, Redaction Redaction)
{

    /// <summary>Gets C# for the value as text logs write it: cut and hidden.</summary>
    public string Value
    {
        get
        {
            string value =
                Computed is null ? AttemptFieldModel.All.First(known => known.Name == Field).Expression : $"{Computed.Method}(attempt)";
            value = Redaction switch
            {
                Redaction.Mask => $"{Global.LogText}.Mask({value})",
                Redaction.Hash => $"{Global.LogText}.Hash({value})",
                _ => value,
            };
            return MaxLength > 0 && Redaction != Redaction.Mask ? $"{Global.LogText}.Cut({value}, {MaxLength})" : value;
        }
    }

    /// <summary>Gets C# for the value as a database driver takes it.</summary>
    public string StoredValue
    {
        get
        {
            string value = Value;
            string maybe = Nullable ? "?" : "";
            return (Kind, Stored) switch
            {
                (ValueKind.Time, StoredType.UnixMilliseconds) => $"{value}{maybe}.ToUnixTimeMilliseconds()",
                (ValueKind.Time, _) => $"{value}{maybe}.UtcDateTime",
                (ValueKind.Guid, StoredType.Text) => $"{value}{maybe}.ToString()",
                (ValueKind.Text, StoredType.Uuid) => Nullable
                    ? $"(({value}) is {{ }} id ? {Global.Guid}.Parse(id) : ({Global.Guid}?)null)"
                    : $"{Global.Guid}.Parse({value})",
                (ValueKind.Int32 or ValueKind.Int64, StoredType.SmallInt) => $"checked((short{maybe}){value})",
                (ValueKind.Int64, StoredType.Integer) => $"checked((int{maybe}){value})",
                (ValueKind.Int16, StoredType.Integer) => $"(int{maybe}){value}",
                (ValueKind.Int16 or ValueKind.Int32, StoredType.BigInt) => $"(long{maybe}){value}",
                (not ValueKind.Double, StoredType.Double) => $"(double{maybe}){value}",
                (not ValueKind.Decimal, StoredType.Numeric) => $"(decimal{maybe}){value}",
                _ => value,
            };
        }
    }

    /// <summary>Returns the default stored type of a kind.</summary>
    public static StoredType DefaultOf(ValueKind kind) => kind switch
    {
        ValueKind.Int16 => StoredType.SmallInt,
        ValueKind.Int32 => StoredType.Integer,
        ValueKind.Int64 => StoredType.BigInt,
        ValueKind.Double => StoredType.Double,
        ValueKind.Decimal => StoredType.Numeric,
        ValueKind.Boolean => StoredType.Boolean,
        ValueKind.Guid => StoredType.Uuid,
        ValueKind.Time => StoredType.Timestamp,
        _ => StoredType.Text,
    };

    /// <summary>Returns whether a column of the type can hold the kind.</summary>
    public static bool CanStore(ValueKind kind, StoredType stored) => kind switch
    {
        ValueKind.Text => stored is StoredType.Text or StoredType.Uuid,
        ValueKind.Int16 or ValueKind.Int32 or ValueKind.Int64 =>
            stored is StoredType.SmallInt or StoredType.Integer or StoredType.BigInt or StoredType.Double or StoredType.Numeric,
        ValueKind.Double or ValueKind.Decimal => stored is StoredType.Double or StoredType.Numeric,
        ValueKind.Boolean => stored is StoredType.Boolean,
        ValueKind.Guid => stored is StoredType.Uuid or StoredType.Text,
        ValueKind.Time => stored is StoredType.Timestamp or StoredType.UnixMilliseconds,
        _ => false,
    };
}
