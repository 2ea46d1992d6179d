using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Adcp.Aot.Tests.Secrets;

/// <summary>
/// Finds public types whose text shows a secret: by their shape, and by making instances of them from values that hold secrets. It knows
/// no type by name, so it can look into any assembly.
/// </summary>
internal static partial class SecretProbe
{
    /// <summary>Stands in every secret. Long and plain enough for tokens, bearer tokens and HMAC keys.</summary>
    internal const string Canary = "SECRETxCanaryxSECRETxCanaryxSECRETxCanary00";

    private const BindingFlags Declared =
        BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>Keys that are ids: tenant and principal.</summary>
    private static readonly string[] HarmlessFields = ["StoreScope.Key"];

    /// <summary>A url with secrets in all places that may hold one.</summary>
    private const string Url = $"https://buyer.example/{Canary}?token={Canary}";

    /// <summary>
    /// Returns the records whose generated text shows a member that is named after a secret. A record prints its public members if it
    /// does not say otherwise.
    /// </summary>
    internal static IEnumerable<string> PrintedMembers(Assembly assembly) =>
        from type in assembly.GetExportedTypes()
        where IsGenerated(type.GetMethod("PrintMembers", Declared, [typeof(StringBuilder)]))
            && IsGenerated(type.GetMethod(nameof(ToString), Type.EmptyTypes))
        from member in type.GetMembers(BindingFlags.Instance | BindingFlags.Public)
        where MayHoldSecret(TypeOf(member)) && SecretName().IsMatch(member.Name) && !HarmlessName().IsMatch(member.Name)
        select $"{type.FullName}.{member.Name}";

    /// <summary>
    /// Creates every instance it can, and returns the types whose text shows the canary, and the number of instances.
    /// </summary>
    internal static (IReadOnlyList<string> Leaks, int Made) Instances(Assembly assembly)
    {
        SortedSet<string> leaks = new(StringComparer.Ordinal);
        int made = 0;
        foreach (Type type in assembly.GetExportedTypes().Where(static type => !type.ContainsGenericParameters && !type.IsEnum))
        {
            foreach (object instance in InstancesOf(type, depth: 0))
            {
                made++;
                if (Text(instance).Contains(Canary, StringComparison.Ordinal))
                {
                    leaks.Add(type.FullName!);
                }
            }
        }

        return ([.. leaks], made);
    }

    /// <summary>
    /// Creates an object of every public type without a constructor, fills its fields as their names say, and returns the types whose text
    /// shows the canary. So no type is left out because the probe cannot call its constructors.
    /// </summary>
    internal static (IReadOnlyList<string> Leaks, int Made) Shapes(Assembly assembly)
    {
        SortedSet<string> leaks = new(StringComparer.Ordinal);
        int made = 0;
        foreach (Type type in Concrete(assembly))
        {
            made++;
            if (Text(Shape(type, depth: 0)).Contains(Canary, StringComparison.Ordinal))
            {
                leaks.Add(type.FullName!);
            }
        }

        return ([.. leaks], made);
    }

    /// <summary>Returns the public types that objects can be made of.</summary>
    internal static IEnumerable<Type> Concrete(Assembly assembly) => assembly.GetExportedTypes().Where(static type =>
        type is { IsAbstract: false, IsEnum: false, IsByRefLike: false, ContainsGenericParameters: false }
        && !typeof(Delegate).IsAssignableFrom(type));

    private static object Shape(Type type, int depth)
    {
        object shape = RuntimeHelpers.GetUninitializedObject(type);

        // A destructor would meet fields that no constructor filled.
#pragma warning disable CA1816 // The rule is for Dispose.
        GC.SuppressFinalize(shape);
#pragma warning restore CA1816
        for (Type? level = type; level is not null && level != typeof(object); level = level.BaseType)
        {
            foreach (FieldInfo field in level.GetFields(Declared).Where(static field => !field.IsLiteral))
            {
                string name = FieldName().Match(field.Name).Groups[1].Value;
                if (HarmlessFields.Contains($"{level.Name}.{name}"))
                {
                    name = "";
                }

                if (ShapeOf(field.FieldType, name, depth) is { } value)
                {
                    field.SetValue(shape, value);
                }
            }
        }

        return shape;
    }

    private static object? ShapeOf(Type type, string name, int depth)
    {
        Type given = Nullable.GetUnderlyingType(type) ?? type;
        return Value(given, name, depth: 4)
            ?? (depth < 3 && given is { IsAbstract: false, IsArray: false, ContainsGenericParameters: false }
                && !typeof(Delegate).IsAssignableFrom(given)
                && given.Assembly.GetName().Name!.StartsWith("Adcp.", StringComparison.Ordinal)
                    ? Shape(given, depth + 1)
                    : null);
    }

    private static Type? TypeOf(MemberInfo member) => member switch
    {
        PropertyInfo property => property.PropertyType,
        FieldInfo field => field.FieldType,
        _ => null,
    };

    private static bool MayHoldSecret(Type? type) =>
        type == typeof(string) || type == typeof(byte[]) || type == typeof(ReadOnlyMemory<byte>) || type == typeof(Memory<byte>);

    private static bool IsGenerated(MethodInfo? method) => method?.IsDefined(typeof(CompilerGeneratedAttribute)) == true;

    private static string Text(object instance)
    {
        try
        {
            return instance + (instance is Exception exception ? exception.Message : "");
        }
        catch (Exception fault)
        {
            return fault.ToString();
        }
    }

    /// <summary>
    /// Instances from every public constructor, static method and property that gives one. Every settable member of a
    /// constructed one is set.
    /// </summary>
    private static IEnumerable<object> InstancesOf(Type type, int depth)
    {
        IEnumerable<MethodBase> sources = type
            .GetMethods(BindingFlags.Static | BindingFlags.Public)
            .Where(method => !method.IsGenericMethod && !method.Name.StartsWith("op_", StringComparison.Ordinal))
            .Where(method => method.ReturnType == type || OutOf(method, type) is not null)
            .Concat<MethodBase>(type.IsAbstract ? [] : type.GetConstructors());
        foreach (MethodBase source in sources)
        {
            if (Call(source, OutOf(source, type), depth) is { } instance)
            {
                // Only a constructor is sure to return an object that no other code shares.
                yield return source is ConstructorInfo ? Fill(instance, depth) : instance;
            }
        }
    }

    /// <summary>The parameter through which a method such as <c>TryParse</c> gives an instance.</summary>
    private static ParameterInfo? OutOf(MethodBase source, Type type) =>
        source.GetParameters().FirstOrDefault(parameter => parameter.IsOut && parameter.ParameterType == type.MakeByRefType());

    private static object? Call(MethodBase source, ParameterInfo? result, int depth)
    {
        try
        {
            object?[] arguments =
                [.. source.GetParameters().Select(each => each.IsOut ? null : Value(each.ParameterType, each.Name!, depth))];
            object? returned = source is ConstructorInfo constructor ? constructor.Invoke(arguments) : source.Invoke(null, arguments);
            return result is null ? returned : arguments[result.Position];
        }
        catch (Exception fault) when (
            fault is TargetInvocationException or ArgumentException or NotSupportedException or MemberAccessException)
        {
            // The type refuses the arguments.
            return null;
        }
    }

    private static object Fill(object instance, int depth)
    {
        PropertyInfo[] properties = instance.GetType().GetProperties();
        foreach (PropertyInfo property in properties.Where(static each => each.SetMethod is { IsPublic: true, IsStatic: false }))
        {
            try
            {
                if (property.GetIndexParameters().Length == 0 && Value(property.PropertyType, property.Name, depth) is { } value)
                {
                    property.SetValue(instance, value);
                }
            }
            catch (Exception fault) when (fault is TargetInvocationException or ArgumentException)
            {
                // The same.
            }
        }

        return instance;
    }

    private static object? Value(Type type, string name, int depth)
    {
        Type given = Nullable.GetUnderlyingType(type) ?? type;
        bool isUrl = UrlName().IsMatch(name);
        bool isSecret = SecretName().IsMatch(name) && !HarmlessName().IsMatch(name);
        if (given == typeof(string))
        {
            // An empty path is refused: the probe leaves no files behind.
            return isUrl ? Url : isSecret ? Canary : name == "path" ? "" : "op_1234567890123456";
        }

        if (given == typeof(byte[]) || given == typeof(ReadOnlyMemory<byte>))
        {
            byte[] bytes = isSecret ? Encoding.ASCII.GetBytes(Canary[..32]) : "{}"u8.ToArray();
            return given == typeof(byte[]) ? (object)bytes : new ReadOnlyMemory<byte>(bytes);
        }

        return given switch
        {
            _ when given == typeof(Uri) => new Uri(Url),
            _ when given == typeof(bool) => true,
            _ when given == typeof(TimeSpan) => TimeSpan.FromSeconds(10),
            _ when given == typeof(DateTimeOffset) => DateTimeOffset.UnixEpoch,
            _ when given == typeof(TimeProvider) => TimeProvider.System,
            _ when given == typeof(CancellationToken) => CancellationToken.None,
            _ when given == typeof(Exception) => new InvalidOperationException(),
            _ when given.IsEnum => Enum.GetValues(given).GetValue(0),
            _ when given == typeof(nint) || given == typeof(nuint) => null,
            _ when given.IsPrimitive || given == typeof(decimal) => Convert.ChangeType(7, given, null),
            _ when given.IsArray || given.IsByRefLike || given.ContainsGenericParameters => null,
            _ when typeof(Delegate).IsAssignableFrom(given) => null,
            _ when depth >= 4 || !given.Assembly.GetName().Name!.StartsWith("Adcp.", StringComparison.Ordinal) => null,
            _ when given.IsInterface || given.IsAbstract => InstancesOf(given, depth + 1).FirstOrDefault() ?? Derived(given, depth),
            _ => InstancesOf(given, depth + 1).FirstOrDefault(),
        };
    }

    private static object? Derived(Type type, int depth) => type.Assembly
        .GetExportedTypes()
        .Where(candidate => candidate is { IsAbstract: false, ContainsGenericParameters: false } && type.IsAssignableFrom(candidate))
        .SelectMany(candidate => InstancesOf(candidate, depth + 1))
        .FirstOrDefault();

    [GeneratedRegex(
        "token|secret|credential|password|bearer|challenge|nonce|private|(?:^|[a-z])Key$|^key$|breakerKey",
        RegexOptions.IgnoreCase)]
    private static partial Regex SecretName();

    /// <summary>Keys that are ids, and columns and headers that are named after a secret and contain none.</summary>
    [GeneratedRegex(
        "idempotency|sequenceKey|PageToken|Header$|Column$|Fingerprint$|KeyId$|cancellation|publicKey",
        RegexOptions.IgnoreCase)]
    private static partial Regex HarmlessName();

    [GeneratedRegex("url|uri|breakerKey|location|endpoint", RegexOptions.IgnoreCase)]
    private static partial Regex UrlName();

    /// <summary>The name of a field: of a property, of a parameter of a primary constructor, or of its own.</summary>
    [GeneratedRegex("^[<_]*([A-Za-z0-9_]+)")]
    private static partial Regex FieldName();
}
